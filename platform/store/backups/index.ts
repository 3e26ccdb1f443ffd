export * from "./lines.ts";
export * from "./taken.ts";
export { type RestorableWindow, restorableWindow, whyNotRestorable } from "./window.ts";
