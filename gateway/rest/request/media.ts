import { Refusal } from "../refusal.ts";

/** The shapes of an answer. */
export type Media =
  | { readonly kind: "array"; readonly stripsNulls: boolean }
  | { readonly kind: "object"; readonly stripsNulls: boolean }
  | { readonly kind: "csv" }
  | { readonly kind: "text" }
  | { readonly kind: "binary" }
  | { readonly kind: "openapi"; readonly version: "2.0" | "3.1" }
  | {
      readonly kind: "plan";
      readonly format: "json" | "text";
      readonly options: readonly string[];
      readonly of: string;
    };

const array: Media = { kind: "array", stripsNulls: false };
const planOptions = new Set(["analyze", "verbose", "settings", "buffers", "wal"]);

/** The first of `Accept`, by weight, that we can give. @throws Refusal PGRST107. */
export function acceptOf(header: string | undefined, plans: boolean): Media {
  if (header === undefined || header === "" || header === "*/*" || header === "application/json") return array;
  const ranges = header
    .split(",")
    .map((range) => ({ range: range.trim(), weight: Number(/;\s*q=([\d.]+)/.exec(range)?.[1] ?? 1) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight);
  for (const { range } of ranges) {
    const media = mediaOf(range, plans);
    if (media !== undefined) return media;
  }
  throw notAcceptable(header);
}

export const notAcceptable = (types: string): Refusal =>
  new Refusal(406, "PGRST107", `None of these media types are available: ${types.slice(0, 200)}`);

function mediaOf(range: string, plans: boolean): Media | undefined {
  const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
  const stripsNulls = parameters.includes("nulls=stripped");
  switch (type.toLowerCase()) {
    case "*/*":
    case "application/*":
    case "application/json":
      return array;
    case "application/vnd.pgrst.array":
    case "application/vnd.pgrst.array+json":
      return { kind: "array", stripsNulls };
    case "application/vnd.pgrst.object":
    case "application/vnd.pgrst.object+json":
      return { kind: "object", stripsNulls };
    case "text/csv":
      return { kind: "csv" };
    case "text/plain":
      return { kind: "text" };
    case "application/octet-stream":
      return { kind: "binary" };
    case "application/openapi+json":
      return { kind: "openapi", version: parameters.includes("version=2.0") ? "2.0" : "3.1" };
    case "application/vnd.pgrst.plan":
    case "application/vnd.pgrst.plan+json":
    case "application/vnd.pgrst.plan+text":
      return plans ? planOf(type.toLowerCase(), parameters) : undefined;
    default:
      return undefined;
  }
}

/** `application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose` */
function planOf(type: string, parameters: readonly string[]): Media {
  const parameterOf = (name: string) =>
    parameters
      .find((parameter) => parameter.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', "");
  const options = (parameterOf("options") ?? "").split("|").filter((option) => planOptions.has(option));
  return {
    ...{ kind: "plan", options },
    format: type.endsWith("+json") ? "json" : "text",
    of: parameterOf("for") ?? "application/json",
  };
}

export function contentTypeOf(media: Media): string {
  switch (media.kind) {
    case "array":
      return media.stripsNulls
        ? "application/vnd.pgrst.array+json; nulls=stripped; charset=utf-8"
        : "application/json; charset=utf-8";
    case "object":
      return `application/vnd.pgrst.object+json; ${media.stripsNulls ? "nulls=stripped; " : ""}charset=utf-8`;
    case "csv":
      return "text/csv; charset=utf-8";
    case "text":
      return "text/plain; charset=utf-8";
    case "binary":
      return "application/octet-stream";
    case "openapi":
      return "application/openapi+json; charset=utf-8";
    case "plan": {
      const options = media.options.length === 0 ? "" : `; options=${media.options.join("|")}`;
      return `application/vnd.pgrst.plan+${media.format}; for="${media.of.replace(/[^\w/.+;= -]/g, "")}"${options}; charset=utf-8`;
    }
  }
}
