export { install } from "./install.ts";
export { writeSecret } from "./write-secret.ts";
