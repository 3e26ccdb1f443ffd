export { type Beginning, beginRequest, type StoredAnswer } from "./begin-request.ts";
export { expireRequests, finishRequest, forgetRequest } from "./finish-request.ts";
