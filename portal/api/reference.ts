type Json = Readonly<Record<string, unknown>>;

/**
 * The reference page: plain HTML made from the OpenAPI document, without scripts and without the network. (The usual viewers
 * load megabytes from a CDN.)
 */
export function referencePage(document: Json): string {
  const { info, paths, components } = document as unknown as {
    info: { title: string; version: string; description: string };
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Json> };
  };
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => operation.tags[0] ?? "");
  return page(
    `${info.title} API ${info.version}`,
    `<h1>${html(info.title)} API <small>${html(info.version)}</small></h1>
<p>${html(info.description)}</p>
<p>The same as data: <a href="/openapi.json">/openapi.json</a> (OpenAPI 3.1). Send a token as <code>Authorization: Bearer ndb_...</code>.</p>
<nav>${[...byTag.keys()].map((tag) => `<a href="#${tag}">${tag}</a>`).join(" ")} <a href="#schemas">schemas</a></nav>
${[...byTag].map(([tag, entries]) => `<h2 id="${tag}">${tag}</h2>${entries.map(section).join("")}`).join("\n")}
<h2 id="schemas">schemas</h2>
${Object.entries(components.schemas)
  .map(([id, schema]) => definition(id, schema))
  .join("\n")}`,
  );
}

type Parameter = { in: string; name: string; required?: boolean; description?: string; schema: Json };
type Content = Record<string, { schema: Json }>;
type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  parameters: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { description?: string; content?: Content; $ref?: string }>;
  "x-scope"?: string;
  "x-roles"?: string[];
};

function section({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const { operationId, summary, description, parameters, requestBody, responses } = operation;
  const body = requestBody?.content["application/json"]?.schema;
  return `<details id="${operationId}"><summary><b class="${method}">${method.toUpperCase()}</b> <code>${html(path)}</code> ${html(summary)}</summary>
<p>${html(description ?? "")} <i>${operationId}; ${operation["x-scope"] ? `needs ${operation["x-scope"]}: ${operation["x-roles"]?.join(", ")}` : "no token needed"}</i></p>
${table(parameters.map((each) => [`${each.name} <small>${each.in}${each.required ? ", required" : ""}</small>`, typeOf(each.schema), html(each.description ?? "")]))}
${body === undefined ? "" : `<h4>Body</h4>${properties(body)}`}
<h4>Answers</h4>${table(Object.entries(responses).map(([status, reply]) => [status, contentOf(reply.content), html(reply.description ?? reply.$ref?.split("/").at(-1) ?? "")]))}
</details>`;
}

const contentOf = (content: Content | undefined): string =>
  Object.entries(content ?? {})
    .map(([media, { schema }]) => `${media}: ${typeOf(schema)}`)
    .join("<br>");

const definition = (id: string, schema: Json): string =>
  `<h3 id="schema-${id}">${id}</h3><p>${html(String(schema.description ?? ""))}</p>${properties(schema)}`;

function properties(schema: Json): string {
  const required = new Set((schema.required as string[] | undefined) ?? []);
  const fields = Object.entries((schema.properties as Record<string, Json> | undefined) ?? {});
  if (fields.length === 0) return `<p>${typeOf(schema)}</p>`;
  return table(
    fields.map(([name, field]) => [
      `${name}${required.has(name) ? " <small>required</small>" : ""}`,
      typeOf(field),
      html(String(field.description ?? "")),
    ]),
  );
}

function typeOf(schema: Json): string {
  if (typeof schema.$ref === "string") {
    const id = schema.$ref.split("/").at(-1) ?? "";
    return `<a href="#schema-${id}">${id}</a>`;
  }
  const options = (schema.anyOf ?? schema.oneOf) as Json[] | undefined;
  if (options !== undefined) return options.map(typeOf).join(" or ");
  if (schema.enum !== undefined)
    return (schema.enum as unknown[]).map((each) => `<code>${html(JSON.stringify(each))}</code>`).join(" ");
  if (schema.const !== undefined) return `<code>${html(JSON.stringify(schema.const))}</code>`;
  if (schema.type === "array") return `list of ${typeOf((schema.items as Json | undefined) ?? {})}`;
  if (schema.type === "object" && Object.keys(schema.properties ?? {}).length > 0) return properties(schema);
  const limits = ["format", "pattern", "minimum", "maximum", "minLength", "maxLength", "default"]
    .filter((key) => schema[key] !== undefined && Math.abs(Number(schema[key])) !== Number.MAX_SAFE_INTEGER)
    .map((key) => `${key} ${html(JSON.stringify(schema[key]))}`);
  return `${html(String(schema.type ?? "any"))}${limits.length > 0 ? ` <small>${limits.join(", ")}</small>` : ""}`;
}

const table = (rows: readonly (readonly string[])[]): string =>
  rows.length === 0
    ? ""
    : `<table>${rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`).join("")}</table>`;

const html = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const page = (title: string, body: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html(title)}</title>
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
code,small,.type{font-family:ui-monospace,monospace;font-size:.87em}small{color:#667}nav a{margin-right:.8em}
details{border:1px solid #d8dee4;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #e6eaee;padding:.2rem .5rem;vertical-align:top}
b.get{color:#116329}b.post{color:#0550ae}b.patch{color:#8a4600}b.delete{color:#a40e26}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}details,td{border-color:#30363d}a{color:#79c0ff}}
</style></head><body>${body}</body></html>
`;
