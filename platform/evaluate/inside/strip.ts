import { stripTypeScriptTypes } from "node:module";

export type Stripped =
  | { readonly kind: "stripped"; readonly text: string }
  | { readonly kind: "invalid"; readonly message: string }
  /** The stripper itself broke (nesting too deep for it) and works no more in this process. */
  | { readonly kind: "broken" };

/** Blanks the types out: every other character keeps its place, so positions need no source map. */
export function strip(text: string): Stripped {
  try {
    return { kind: "stripped", text: stripTypeScriptTypes(text) };
  } catch (thrown) {
    const code = (thrown as { code?: unknown }).code;
    const ours = code === "ERR_INVALID_TYPESCRIPT_SYNTAX" || code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX";
    return ours ? { kind: "invalid", message: String((thrown as Error).message) } : { kind: "broken" };
  }
}
