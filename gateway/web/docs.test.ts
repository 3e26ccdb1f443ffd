import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { makeDocs } from "./docs.ts";

type Call = {
  readonly method: string;
  readonly url: string;
  readonly api: string;
  readonly name: string;
  readonly isFunction: boolean;
  readonly body?: unknown;
};
type Page = {
  readonly snippets: (call: Call) => Readonly<Record<string, string>>;
  readonly bodyOf: (schema: object) => object;
  readonly apiOf: (location: { readonly origin: string; readonly pathname: string }) => string;
};
/** The browser's own file. */
const page = (await import(join(import.meta.dirname, "docs", "page.js"))) as Page;
const docs = makeDocs();
const api = "http://localhost:4493/acme/shop/orders/rest/v1";

test("the page and what it loads are served under a policy that lets nothing else run; nothing else is", () => {
  const html = docs({ method: "GET", path: "/docs" });
  expect(html?.headers).toMatchObject({ "content-type": "text/html; charset=utf-8" });
  expect(html?.headers["content-security-policy"]).toContain("default-src 'none'; script-src 'self'");
  const loads = [...(html?.body.toString() ?? "").matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => `/${path}`);
  expect(loads).toHaveLength(2);
  for (const path of loads) expect(docs({ method: "GET", path })?.status).toBe(200);
  expect(docs({ method: "GET", path: "/docs/../docs.ts" })).toBeUndefined();
  expect(docs({ method: "POST", path: "/docs" })).toBeUndefined();
});

test("nothing that comes out of a database becomes HTML", () => {
  const script = docs({ method: "GET", path: "/docs/page.js" })?.body.toString() ?? "";
  expect(script).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|DOMParser/);
});

test("the page finds its API beside it", () => {
  const pathname = "/acme/shop/orders/docs";
  expect(page.apiOf({ origin: "http://localhost:4493", pathname })).toBe(api);
});

test("a body has what the schema demands", () => {
  const properties = { id: { type: "integer" }, name: { type: "string" }, mood: { type: "string", enum: ["good"] } };
  expect(page.bodyOf({ properties, required: ["id", "mood"] })).toEqual({ id: 1, mood: "good" });
});

const hostile = `it's; rm -rf / "$(id)" \`x\` \\ \n`;
const call: Call = {
  ...{ method: "post", api, name: hostile, isFunction: false, url: `${api}/${encodeURIComponent(hostile)}` },
  body: { [hostile]: hostile, on: true, none: null, list: [1] },
};

test("curl gets each argument whole, whatever the names are", () => {
  const { curl = "" } = page.snippets(call);
  const script = `curl() { printf '%s\\0' "$@"; }\n${curl}`;
  const given = execFileSync("bash", ["-c", script], { env: { NEBULA_KEY: "ndb_x" } })
    .toString()
    .split("\0");
  expect(given.slice(0, 3)).toEqual(["-X", "POST", call.url]);
  expect(given).toContain("apikey: ndb_x");
  expect(JSON.parse(given.at(-2) ?? "")).toEqual(call.body);
});

test("JavaScript says the same", async () => {
  const { JavaScript = "" } = page.snippets(call);
  const line = JavaScript.split("\n").at(-1) ?? "";
  const api = {
    from: (name: string) => ({ insert: (body: unknown) => ({ select: () => ({ data: { name, body } }) }) }),
  };
  const run = new Function("api", `return (async () => { ${line}; return data; })()`) as (
    api: object,
  ) => Promise<unknown>;
  expect(await run(api)).toEqual({ name: hostile, body: call.body });
});

test("Python reads the body as it was meant", () => {
  const { Python = "" } = page.snippets(call);
  const stub = "import json,sys,types\nm=types.ModuleType('requests')\nclass A: status_code=200; text='ok'\n";
  const record =
    "def request(*a, **k):\n  sys.stderr.write(json.dumps([a, k]))\n  return A\nm.request=request\nsys.modules['requests']=m\n";
  const script = `${stub}${record}${Python}\nprint(json.dumps(0))`;
  const done = execFileSync("python3", ["-c", `${script}`.replace("sys.stderr", "sys.stdout")], {
    env: { ...process.env, NEBULA_KEY: "ndb_x" },
  }).toString();
  const [[verb, url], { json }] = JSON.parse(done.split("200 ok")[0] ?? "") as [[string, string], { json: unknown }];
  expect([verb, url]).toEqual(["POST", call.url]);
  expect(json).toEqual(call.body);
});
