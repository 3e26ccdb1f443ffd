import type { Column } from "../schema/types.ts";

/** A column as JSON Schema; `format` is the type's SQL name, as PostgREST says it. */
export function jsonSchema({ type, labels, comment, maxLength, default: fallback }: Column): Record<string, unknown> {
  return {
    ...typeOf(type),
    format: type,
    ...(labels === null ? {} : { enum: labels }),
    ...(maxLength === null ? {} : { maxLength }),
    ...(comment === null ? {} : { description: comment }),
    ...(fallback === null || fallback === "" ? {} : { default: fallback }),
  };
}

export function typeOf(type: string): Record<string, unknown> {
  if (type.endsWith("[]")) return { type: "array", items: typeOf(type.slice(0, -2)) };
  if (/^(smallint|integer|bigint)$/.test(type)) return { type: "integer" };
  if (/^(numeric|real|double precision)/.test(type)) return { type: "number" };
  if (type === "boolean") return { type: "boolean" };
  if (type === "json" || type === "jsonb") return {};
  return { type: "string" };
}
