/** Owns what the gateway's process is told, and how its parts are opened by that. Does not own what they do, nor their order. */
export { openGatewayCertificates } from "./certificates.ts";
export { openFiles } from "./files.ts";
export { registerGauges } from "./gauges.ts";
export { outsideOf } from "./outside.ts";
export { openPool, poolerCheck } from "./pool.ts";
export { keepSecret } from "./secrets.ts";
export { fields } from "./settings.ts";
export { eitherBelow, openChanges, openDataWeb, openSqlTokens } from "./web.ts";
