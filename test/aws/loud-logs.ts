// Before any function is imported: telemetry reads the environment once.
process.env['POWERTOOLS_LOG_LEVEL'] = 'ERROR';
