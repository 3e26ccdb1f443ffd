import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { openApi, routes } from "../../portal/api/index.ts";
import { startPortal } from "./harness.ts";

const run = promisify(execFile);
const redocly = join(import.meta.dirname, "../../node_modules/.bin/redocly");

it("the OpenAPI document holds to redocly's recommended rules, without an error or a warning", async () => {
  const folder = await mkdtemp(join(tmpdir(), "openapi-"));
  try {
    const file = join(folder, "openapi.json");
    await writeFile(file, JSON.stringify(openApi(routes, "0.1.0")));
    const lint = run(redocly, ["lint", file, "--extends=recommended", "--format=json"], {
      env: { PATH: process.env.PATH, HOME: folder, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    });
    const { stdout } = await lint.catch((failed: { stdout: string }) => failed);
    const { problems } = JSON.parse(stdout) as { problems: { ruleId: string; message: string; location: unknown }[] };
    const isRedirect = (problem: (typeof problems)[number]) =>
      problem.ruleId === "operation-2xx-response" && /~1auth~1\S+~1start/.test(JSON.stringify(problem.location));
    expect(problems.filter((problem) => !exempt.includes(problem.ruleId) && !isRedirect(problem))).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** The installation has no fixed address: the server is wherever it was asked. What begins a sign-in elsewhere only redirects. */
const exempt = ["no-server-example.com", "no-empty-servers"];

it("every route is in the document with a scope or openly public, a summary and its problems", () => {
  const { paths } = openApi(routes, "0.1.0") as { paths: Record<string, Record<string, Record<string, unknown>>> };
  for (const entry of routes) {
    const operation = paths[entry.path]?.[entry.method];
    expect(operation?.operationId).toBe(entry.operationId);
    expect(operation?.["x-scope"] !== undefined || entry.scope === "public").toBe(true);
  }
  expect(new Set(routes.map(({ operationId }) => operationId)).size).toBe(routes.length);
});

it("the reference page names every route and loads nothing from elsewhere", async () => {
  const portal = await startPortal();
  try {
    const { body, headers } = await portal.as("").get("/docs");
    expect(headers.get("content-type")).toContain("text/html");
    for (const { operationId } of routes) expect(body).toContain(`id="${operationId}"`);
    expect(body).not.toMatch(/(src|href)="(https?:)?\/\//);
    expect(body).not.toContain("<script");
  } finally {
    await portal.close();
  }
});
