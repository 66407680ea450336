/**
 * Environment of the Java that tests start: what it does for them is over before its code would pay for being compiled well, and
 * half of its time went there; and more threads than one to collect garbage take the cores from what is tested.
 */
export const quickJava = { JAVA_TOOL_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' };
