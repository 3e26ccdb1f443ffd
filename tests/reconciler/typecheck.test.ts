import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { checkTypes } from "../../reconciler/review/index.ts";

const file = "tenants/acme/shop/orders.ts";
const check = (text: string, path = file) => checkTypes(new Map([[path, text]]));
const good =
  'import { Postgres } from "@nebuladb/platform";\nexport default new Postgres("orders", { version: "18" });\n';

test("a declaration that tsc accepts is ok", async () => {
  expect(await check(good)).toEqual({ kind: "ok" });
});

test("a type error comes back with its exact place", async () => {
  const text = good.replace('version: "18"', 'version: "18",\n  storag: "10Gi"');
  expect(await check(text)).toEqual({
    kind: "problems",
    problems: [expect.objectContaining({ file, line: 3, column: 3, code: "NEB150" })],
  });
});

test("a tenant may import its own files", async () => {
  const files = new Map([
    ["tenants/acme/sizes.ts", 'export const storage = "10Gi";\n'],
    [file, good.replace("{ version", "{ storage, version").replace("\n", '\nimport { storage } from "../sizes.ts";\n')],
  ]);
  expect(await checkTypes(files)).toEqual({ kind: "ok" });
});

test.each([
  ['import secret from "../../other/shop/x.ts";', "another tenant"],
  ['import secret from "/etc/passwd.ts";', "the machine"],
  ['import { readFileSync } from "node:fs";', "Node"],
  ['/// <reference path="../../../../etc/x.ts" />', "a reference"],
  ['type T = import("../../../x.ts").T;', "a type import"],
  ['export * from "../../../../x.ts";', "an export"],
])("%s is refused before tsc reads it", async (line) => {
  const report = await check(`${line}\n${good}`);
  expect(report).toMatchObject({ kind: "problems", problems: [{ line: 1, code: "NEB151" }] });
});

test("types that never end are ended, and nothing is left behind", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nebula-own-"));
  vi.stubEnv("TMPDIR", folder);
  const bomb = `type Deep<T, N extends 0[]> = N["length"] extends 900 ? T : Deep<T | [T, T], [0, ...N]>;
type Wide<N extends 0[]> = N["length"] extends 40 ? "x" : \`\${Wide<[0, ...N]>}\${"a" | "b" | "c"}\`;
export const x: Deep<1, []> = 2; export const y: Wide<[]> = 3;\n`;
  const limits = { timeoutMs: 1_500, memoryKib: 2_000_000, outputBytes: 1_000_000 };
  const report = await checkTypes(new Map([[file, bomb]]), { limits });
  expect(report.kind).not.toBe("ok");
  expect(readdirSync(folder)).toEqual([]);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

test("a newer push stops it", async () => {
  const signal = AbortSignal.abort();
  expect(await checkTypes(new Map([[file, good]]), { signal })).toMatchObject({ kind: "failed" });
});
