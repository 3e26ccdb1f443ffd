export { checkTypes, type TypeReport } from "./typecheck.ts";
export * from "./types.ts";
