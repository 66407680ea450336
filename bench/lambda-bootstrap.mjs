// What Lambda's own bootstrap does: loads the handler, then asks the Runtime API for one call after the other.
const api = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
const { handler } = await import(process.env.BENCH_HANDLER);
for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const deadline = Number(next.headers.get('lambda-runtime-deadline-ms'));
  const context = {
    awsRequestId: id,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  const post = (kind, body) =>
    fetch(`${api}/${id}/${kind}`, { method: 'POST', body: JSON.stringify(body ?? null) });
  try {
    await post('response', await handler(await next.json(), context));
  } catch (error) {
    await post('error', { errorType: error.name, errorMessage: error.message });
  }
}
