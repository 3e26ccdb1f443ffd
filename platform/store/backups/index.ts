export * from "./lines.ts";
export * from "./taken.ts";
