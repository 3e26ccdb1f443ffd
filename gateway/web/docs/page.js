/**
 * A database's reference, in the browser: asks the data API what this reader may use, and shows it with examples and a place to try them.
 * Everything that comes out of the database becomes text nodes; nothing is ever parsed as HTML.
 */
const methods = ["get", "post", "patch", "delete"];

/** Where the API is, from where this page is. */
export const apiOf = (location) => `${location.origin}${location.pathname.replace(/\/docs\/?$/, "")}/rest/v1`;

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const inPython = (value) =>
  value === null
    ? "None"
    : value === true
      ? "True"
      : value === false
        ? "False"
        : Array.isArray(value)
          ? `[${value.map(inPython).join(", ")}]`
          : typeof value === "object"
            ? `{${Object.entries(value)
                .map(([name, one]) => `${JSON.stringify(name)}: ${inPython(one)}`)
                .join(", ")}}`
            : JSON.stringify(value);

/** The same request in four languages. `call`: `{ method, url, api, name, isFunction, body }`. */
export function snippets({ method, url, api, name, isFunction, body }) {
  const verb = method.toUpperCase();
  const json = body === undefined ? undefined : JSON.stringify(body);
  const filter = verb === "PATCH" || verb === "DELETE";
  const from = `api.from(${JSON.stringify(name)})`;
  const javascript = isFunction
    ? `api.rpc(${JSON.stringify(name)}${json === undefined ? "" : `, ${json}`}${verb === "GET" ? `, { get: true }` : ""})`
    : {
        GET: `${from}.select().limit(10)`,
        POST: `${from}.insert(${json}).select()`,
        PATCH: `${from}.update(${json}).eq(column, value).select()`,
        DELETE: `${from}.delete().eq(column, value).select()`,
      }[verb];
  return {
    curl: [
      `curl -X ${verb} ${quoted(url)}`,
      `-H "apikey: $NEBULA_KEY"`,
      ...(json === undefined ? [] : [`-H 'content-type: application/json'`, `-d ${quoted(json)}`]),
    ].join(" \\\n  "),
    JavaScript: `import { PostgrestClient } from "@supabase/postgrest-js";\nconst api = new PostgrestClient(${JSON.stringify(api)}, { headers: { apikey: process.env.NEBULA_KEY } });\nconst { data, error } = await ${javascript};`,
    Python: `import os, requests\nanswer = requests.request(${JSON.stringify(verb)}, ${JSON.stringify(url)},\n    headers={"apikey": os.environ["NEBULA_KEY"]}${json === undefined ? "" : `, json=${inPython(body)}`})\nprint(answer.status_code, answer.text)`,
    Go: `request, _ := http.NewRequest(${JSON.stringify(verb)}, ${JSON.stringify(url)}, ${json === undefined ? "nil" : `strings.NewReader(${JSON.stringify(json)})`})\nrequest.Header.Set("apikey", os.Getenv("NEBULA_KEY"))\n${json === undefined ? "" : 'request.Header.Set("content-type", "application/json")\n'}answer, err := http.DefaultClient.Do(request)`,
    ...(filter
      ? { note: "Name the rows: ?column=eq.value. Without a filter every row that you may change is meant." }
      : {}),
  };
}

const samples = { integer: 1, number: 1.5, boolean: true, array: [], object: {} };
const sampleOf = ({ type, enum: values, format }) => {
  if (values?.length > 0) return values[0];
  const one = Array.isArray(type) ? type[0] : type;
  if (one === "string" && format === "uuid") return "00000000-0000-4000-8000-000000000000";
  if (one === "string" && format?.startsWith("date")) return "2026-01-01T00:00:00Z";
  return samples[one] ?? "text";
};

/** A body that the schema lets through, as far as it can be told. */
export const bodyOf = ({ properties = {}, required = [] }) =>
  Object.fromEntries(required.map((name) => [name, sampleOf(properties[name] ?? {})]));

function element(tag, text, ...children) {
  const made = document.createElement(tag);
  if (text !== undefined) made.append(text);
  made.append(...children);
  return made;
}

function tryOut(call, keyOf) {
  const url = Object.assign(element("input"), { value: call.url, spellcheck: false, ariaLabel: "Address" });
  const body = Object.assign(element("textarea"), {
    value: call.body === undefined ? "" : JSON.stringify(call.body, null, 2),
    hidden: call.body === undefined,
    ariaLabel: "Body",
  });
  const answer = element("pre");
  const send = element("button", `${call.method.toUpperCase()}`);
  send.onclick = async () => {
    answer.textContent = "...";
    try {
      if (new URL(url.value).origin !== location.origin) throw new Error("only this database is asked from here");
      const response = await fetch(url.value, {
        method: call.method.toUpperCase(),
        headers: {
          ...keyOf(),
          ...(body.hidden ? {} : { "content-type": "application/json" }),
          prefer: "return=representation",
        },
        ...(body.hidden ? {} : { body: body.value }),
      });
      answer.textContent = `${response.status} ${response.statusText}\n${await response.text()}`;
    } catch (thrown) {
      answer.textContent = String(thrown);
    }
  };
  return element("div", undefined, url, body, send, answer);
}

function describeCall(call, keyOf, about) {
  const { note, ...languages } = snippets(call);
  const examples = Object.entries(languages).map(([language, text]) =>
    element("details", undefined, element("summary", language), element("pre", text)),
  );
  const head = element("h3", `${call.method.toUpperCase()} ${call.path}`);
  return element(
    "section",
    undefined,
    head,
    element("p", [about, note].filter(Boolean).join(" ")),
    ...examples,
    tryOut(call, keyOf),
  );
}

function columnsOf({ properties = {}, required = [] }) {
  const rows = Object.entries(properties).map(([name, one]) =>
    element(
      "tr",
      undefined,
      ...[
        name,
        [one.type].flat().join(" | "),
        one.format ?? "",
        required.includes(name) ? "yes" : "",
        one.description ?? "",
      ].map((text) => element("td", text)),
    ),
  );
  const head = element(
    "tr",
    undefined,
    ...["column", "JSON", "Postgres", "demanded", ""].map((text) => element("th", text)),
  );
  return element("table", undefined, head, ...rows);
}

export const nameIn = (path) => path.replace(/^\/(rpc\/)?/, "");

function show(description, api, keyOf) {
  const found = Object.entries(description.paths).map(([path, operations]) => {
    const isFunction = path.startsWith("/rpc/");
    const name = nameIn(path);
    const schema = description.components?.schemas?.[name];
    const url = `${api}${isFunction ? "/rpc" : ""}/${encodeURIComponent(name)}`;
    const calls = methods
      .filter((method) => operations[method] !== undefined)
      .map((method) => {
        const operation = operations[method];
        const declared = operation.requestBody?.content?.["application/json"]?.schema;
        const body = operation.requestBody === undefined ? undefined : bodyOf((isFunction ? declared : schema) ?? {});
        return describeCall({ method, url, api, name, isFunction, body, path }, keyOf, operation.summary ?? "");
      });
    const table = isFunction || schema === undefined ? [] : [columnsOf(schema)];
    return element("article", undefined, element("h2", isFunction ? `${name}()` : name), ...table, ...calls);
  });
  return [
    element("h1", description.info?.title ?? "Reference"),
    element("p", description.info?.description ?? ""),
    ...found,
  ];
}

function start() {
  const api = apiOf(location);
  const [key, load, main] = ["key", "load", "reference"].map((id) => document.getElementById(id));
  /** Kept nowhere but in the field. */
  const keyOf = () =>
    key.value === ""
      ? {}
      : key.value.startsWith("ndb_")
        ? { apikey: key.value }
        : { authorization: `Bearer ${key.value}` };
  load.onclick = async () => {
    main.replaceChildren("...");
    try {
      const response = await fetch(`${api}/`, { headers: { accept: "application/openapi+json", ...keyOf() } });
      const text = await response.text();
      main.replaceChildren(
        ...(response.ok ? show(JSON.parse(text), api, keyOf) : [element("pre", `${response.status}\n${text}`)]),
      );
    } catch (thrown) {
      main.replaceChildren(String(thrown));
    }
  };
  load.click();
}

if (typeof document !== "undefined") start();
