/**
 * github.com cannot be reached from a test. What we send there is held against GitHub's own description of its REST API, operation
 * by operation: path, query and body of everything that platform/github can say, as it went over the wire to the embedded forge.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../platform/core/index.ts";
import {
  appPermissions,
  type GitHub,
  inspectRepository,
  makeGitHub,
  requiredContexts,
} from "../../platform/github/index.ts";
import type { Permissions } from "../../portal/forge/index.ts";
import { type TestForge, testForge } from "../harness/forge.ts";
import { type GitLine, openGitLine, type Passed } from "../harness/git-line.ts";

type Json = { readonly [key: string]: unknown };
type Parameter = { readonly name: string; readonly in: string; readonly schema: Json };
type Operation = {
  readonly parameters?: readonly Json[];
  readonly requestBody?: { content: Record<string, { schema: Json }> };
};

const require = createRequire(import.meta.url);
const document = JSON.parse(
  readFileSync(require.resolve("@octokit/openapi/generated/api.github.com.json"), "utf8"),
) as Json & { readonly paths: Record<string, Record<string, Operation>> };
const ajv = new Ajv({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addFormat("repo.nwo", true);

let forge: TestForge;
let line: GitLine;
let app: GitHub;
let itself: GitHub;

const everything: Permissions = {
  ...{ metadata: "read", contents: "write", pull_requests: "write", statuses: "write", checks: "write" },
  ...{ deployments: "write", repository_hooks: "write", administration: "write" },
};

beforeAll(async () => {
  forge = await testForge();
  const { bootstrap } = forge.forge;
  await bootstrap.ensureOrganisation({ login: "acme" });
  await bootstrap.ensureRepository({ owner: "acme", name: "tenants", seedFiles: new Map([["a.txt", "1\n"]]) });
  const {
    appId,
    installationId,
    privateKey = new Secret(""),
  } = await bootstrap.ensureApp({
    ...{ owner: "acme", name: "NebulaDB", permissions: everything },
  });
  line = await openGitLine(forge.url);
  const at = { apiUrl: `${line.url}/api/v3`, repository: { owner: "acme", name: "tenants" } };
  app = makeGitHub({ ...at, auth: { kind: "app", appId, installationId, privateKey } });
  itself = makeGitHub({ ...at, auth: { kind: "app", appId, privateKey } });
});
afterAll(async () => {
  await line?.close();
  await forge?.close();
});

/** Every sentence that this platform says to a Git host. */
async function sayEverything(): Promise<void> {
  const main = (await app.getBranch("main")) ?? "";
  const { sha } = await app.commitFiles({
    ...{ parent: main, message: "Change", author: { name: "Ada", email: "ada@acme.example" } },
    changes: [
      { path: "b.txt", content: "2\n" },
      { path: "a.txt", content: null },
    ],
  });
  await app.createBranch("work", sha);
  await app.updateBranch("work", sha, { force: true });
  await app.getCommit(sha);
  const { files } = await app.listTree(sha);
  await app.getBlob(files[0]?.sha ?? "");
  await app.getFile("b.txt", sha);
  await app.compare("main", "work");
  const { number } = await app.createPull({ title: "Change", body: "why", head: "work", base: "main" });
  await app.getPull(number);
  await app.listPulls({ state: "all", head: "work", base: "main", limit: 3 });
  await app.updatePull(number, { title: "Another", body: "other" });
  await app.pullFiles(number);
  await app.createStatus(sha, {
    context: "nebula/plan",
    state: "success",
    description: "é".repeat(300),
    targetUrl: "http://x.test/",
  });
  await app.listStatuses(sha);
  const place = { path: "b.txt", startLine: 1, endLine: 1, startColumn: 1, endColumn: 2 } as const;
  const annotations = Array.from(
    { length: 60 },
    () => ({ ...place, level: "failure", title: "t", message: "m" }) as const,
  );
  const check = { name: "nebula", sha, detailsUrl: "http://x.test/", title: "t", summary: "s" };
  await app.upsertCheckRun({ ...check, state: { kind: "running" }, annotations: [] });
  await app.upsertCheckRun({ ...check, state: { kind: "done", conclusion: "failure" }, annotations });
  await app.upsertComment(number, { marker: "<!-- m -->", body: "one" });
  await app.upsertComment(number, { marker: "<!-- m -->", body: "two" });
  const { id } = await app.ensureDeployment({ sha, environment: "acme.shop", description: "deploy" });
  for (const state of ["in_progress", "success", "inactive"] as const)
    await app.createDeploymentStatus(id, { state, description: "d", logUrl: "http://x.test/log" });
  const hook = await app.ensureHook({ url: "http://127.0.0.1:1/x", secret: new Secret("s"), events: ["push"] });
  await app.ensureHook({ url: "http://127.0.0.1:1/y", secret: new Secret("t"), events: ["push"] }, hook.id);
  await app.pingHook(hook.id);
  const deliveries = await app.listDeliveries(hook.id);
  await app.redeliver(hook.id, deliveries[0]?.id ?? 0);
  await app.deleteHook(hook.id);
  await app.protectBranch("main", requiredContexts, 1);
  await app.readBranchGuard("main");
  await itself.app();
  await inspectRepository({
    host: app,
    auth: "app",
    defaultBranch: "main",
    installationId: null,
    hook: null,
    pollSeconds: 30,
  });
  await app.mergePull(number, { sha, title: "t", message: "m" }).catch(() => undefined); // its statuses are missing
  await app.closePull(number);
  await app.deleteBranch("work");
}

test("everything that is sent is what GitHub documents", { timeout: 180_000 }, async () => {
  await sayEverything();
  const findings = line.passed.flatMap((one) => judge(one));
  expect([...new Set(findings)]).toEqual([]);
  expect(
    new Set(line.passed.map(({ method, path }) => `${method} ${templateOf(method, bare(path))}`)).size,
  ).toBeGreaterThan(38);
});

test("the judge sees what is wrong", () => {
  const one = (method: string, path: string, body: unknown): Passed => ({
    ...{ method, path: `/api/v3${path}`, headers: {}, status: 200 },
    body: Buffer.from(body === undefined ? "" : JSON.stringify(body)),
  });
  expect(judge(one("GET", "/repos/a/b/pulls?colour=red", undefined))).toEqual([expect.stringContaining("colour")]);
  expect(judge(one("POST", "/repos/a/b/pulls", { head: "x", base: "y", title: 3 }))).toEqual([
    expect.stringContaining("title"),
  ]);
  expect(judge(one("POST", "/repos/a/b/check-runs", { head_sha: "x" }))).not.toEqual([]);
  expect(judge(one("POST", "/repos/a/b/nothing", {}))).toEqual([expect.stringContaining("no POST")]);
});

test("the App's manifest asks for exactly what the platform needs", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../docs/github-app-manifest.json", import.meta.url), "utf8"));
  const wanted = Object.entries(appPermissions).map(([name, { level }]) => [name, level]);
  expect(manifest.default_permissions).toEqual(Object.fromEntries(wanted));
  expect(manifest.hook_attributes.active).toBe(false);
});

const bare = (path: string): string => (path.split("?")[0] ?? "").replace(/^\/api\/v3/, "");

function templateOf(method: string, path: string): string | undefined {
  const fits = Object.keys(document.paths).filter(
    (template) =>
      document.paths[template]?.[method.toLowerCase()] !== undefined &&
      new RegExp(`^${template.replaceAll(/\{(ref|path|basehead)\}/g, ".+").replaceAll(/\{[^}]+\}/g, "[^/]+")}$`).test(
        path,
      ),
  );
  const literal = (template: string) => template.replaceAll(/\{[^}]+\}/g, "").length;
  return fits.sort((a, b) => literal(b) - literal(a))[0];
}

function judge({ method, path, body }: Passed): readonly string[] {
  const template = templateOf(method, bare(path));
  const operation = template === undefined ? undefined : document.paths[template]?.[method.toLowerCase()];
  if (operation === undefined) return [`GitHub has no ${method} ${bare(path)}`];
  const queries = new Map(
    (operation.parameters ?? []).map((one) => resolve(one) as Parameter).map((one) => [`${one.in} ${one.name}`, one]),
  );
  const strange = [...new URL(path, "http://x").searchParams].flatMap(([name, value]) => {
    const known = queries.get(`query ${name}`);
    if (known === undefined) return [`${method} ${template}: no parameter ${name}`];
    const typed = ["integer", "number"].includes(String((resolve(known.schema) as Json).type)) ? Number(value) : value;
    return problems(known.schema, typed).map((text) => `${method} ${template}: ${name} ${text}`);
  });
  const schema = operation.requestBody?.content["application/json"]?.schema;
  if (body.length === 0) return strange;
  if (schema === undefined) return [...strange, `${method} ${template}: takes no body`];
  return [
    ...strange,
    ...problems(schema, JSON.parse(body.toString("utf8"))).map((text) => `${method} ${template}: ${text}`),
  ];
}

function problems(schema: Json, value: unknown): readonly string[] {
  const validate = ajv.compile(convert(schema) as object);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || "/"} ${message}`);
}

function resolve(node: Json): Json {
  if (typeof node.$ref !== "string") return node;
  return node.$ref
    .slice(2)
    .split("/")
    .reduce((at: unknown, key) => (at as Json)[key], document) as Json;
}

/** OpenAPI's schema as JSON Schema, references filled in, objects closed. */
function convert(node: unknown): unknown {
  if (Array.isArray(node)) return node.map((one) => convert(one));
  if (typeof node !== "object" || node === null) return node;
  const { nullable, example: _, examples: __, oneOf, ...rest } = resolve(node as Json);
  const open = oneOf === undefined ? rest : { ...rest, anyOf: oneOf };
  const out = Object.fromEntries(Object.entries(open).map(([key, value]) => [key, convert(value)])) as Record<
    string,
    unknown
  >;
  if (open.type === "object" && open.properties !== undefined && open.additionalProperties === undefined)
    out.additionalProperties = false;
  return nullable === true ? { anyOf: [out, { type: "null" }] } : out;
}
