import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Evaluated, type Evaluator, makeEvaluator } from "../../platform/evaluate/index.ts";
import { canary, carrying, importingFrom, others, reaching } from "./programs.ts";
import { database, shop } from "./repository.ts";

/*
 * Programs that try to reach what is not theirs. Each one tries to carry what it found out through the only doors there are:
 * the spec (a tag) or an error's text. The canary stands in the parent's environment, in a file, in another tenant's
 * declarations and in the fleet's; no answer may hold it.
 */
const folder = mkdtempSync(join(tmpdir(), "nebula-canary-"));
const file = join(folder, "secret.ts");
const importing = importingFrom(file);

let evaluator: Evaluator;
beforeAll(() => {
  process.env.NEBULA_CANARY = canary;
  writeFileSync(file, `export const secret = ${JSON.stringify(canary)};\n`);
  evaluator = makeEvaluator();
});
afterAll(async () => {
  await evaluator.close();
  rmSync(folder, { recursive: true });
  delete process.env.NEBULA_CANARY;
});

const clean = (answer: unknown): void => {
  const text = JSON.stringify(answer);
  expect(text).not.toContain(canary);
  expect(text).not.toContain(Buffer.from(canary).toString("base64"));
  expect(text).not.toMatch(/root:x:|\/usr\/sbin\/nologin/);
};

describe("a program that reaches for the host finds nothing", () => {
  test.each(Object.entries(reaching))("%s", async (_, code) => {
    const answer = await evaluator.project(shop({ ...others, "x.ts": carrying(code) }), "acme", "shop");
    clean(answer);
    if (answer.kind === "ok") expect(answer.spec.databases[0]?.tags.found).not.toMatch(/PATH|HOME|"fs"|readFileSync/);
  });
});

/** Refused, not there, or (a name with a NUL byte) never loaded; always in the file that asks, never a value. */
const refused = (answer: Evaluated, line: number): void => {
  clean(answer);
  const problems = answer.kind === "invalid" ? answer.problems : [];
  expect(problems.map((one) => one.file)).toEqual(["tenants/acme/shop/x.ts"]);
  expect(problems[0]?.code).toMatch(/^NEB10[123]$/);
  if (problems[0]?.code !== "NEB103") expect(problems[0]?.line).toBe(line);
};

describe("an import of what is not its own is refused with its place", () => {
  test.each(Object.entries(importing))("%s", async (_, specifier) => {
    const fixed = `import * as found from "${specifier}";\n${carrying("return found as any;")}`;
    refused(await evaluator.project(shop({ ...others, "x.ts": fixed }), "acme", "shop"), 1);
  });

  test.each(Object.entries(importing))("dynamically, with the error caught: %s", async (_, specifier) => {
    const caught = `import { Postgres } from "@nebuladb/platform";
let text = "nothing";
try { text = JSON.stringify(await import("${specifier}")); } catch (error) { text = String(error); }
export default new Postgres("x", { version: "18", tags: { found: text.slice(0, 200) } });`;
    refused(await evaluator.project(shop({ ...others, "x.ts": caught }), "acme", "shop"), 3);
  });

  test("a specifier that is computed is refused as well", async () => {
    const hidden = `export default await import(["node", "fs"].join(":"));`;
    const answer = await evaluator.project(shop({ "x.ts": hidden }), "acme", "shop");
    expect(answer).toMatchObject({ problems: [{ code: "NEB101" }] });
  });

  test("a symbolic link's text is no way to the file it names", async () => {
    const answer = await evaluator.project(shop({ ...others, "x.ts": "../../lab/shared/secret.ts" }), "acme", "shop");
    clean(answer);
    expect(answer.kind).toBe("invalid");
  });
});

describe("a declaration cannot change what another one means", () => {
  const honest = database("honest", 'version: "18", storage: "10Gi"');
  const spoiling: Readonly<Record<string, string>> = {
    "Object.prototype": 'Object.prototype.retire = true; Object.prototype.storage = "1Gi";',
    "the vocabulary's class": 'Postgres.prototype.constructor = null; (Postgres as any).prototype.name = "x";',
    "JSON and arrays":
      "JSON.stringify = () => '{}'; Array.prototype.map = () => []; Array.isArray = () => false as any;",
    "Object.keys": "Object.keys = () => []; Object.entries = () => []; Reflect.ownKeys = () => [];",
    toJSON: "(Object.prototype as any).toJSON = () => 'x'; (Array.prototype as any).toJSON = () => 'y';",
    "shared values": 'import { shared } from "../shared/values.ts"; (shared as any).retention = "1d";',
  };

  test.each(Object.entries(spoiling))("through %s", async (_, code) => {
    const imports = code.startsWith("import") ? `${code.slice(0, code.indexOf(";") + 1)}\n` : "";
    const files = {
      "tenants/acme/shared/values.ts": 'export const shared = { retention: "30d" };',
      "a.ts": `${imports}import { Postgres } from "@nebuladb/platform";\n${imports === "" ? code : code.slice(code.indexOf(";") + 1)}\nexport default new Postgres("a", { version: "18" });`,
      "honest.ts": honest,
      "sharing.ts": database(
        "sharing",
        'version: "18", backups: shared',
        'import { shared } from "../shared/values.ts";',
      ),
    };
    const spoilt = await evaluator.project(shop(files), "acme", "shop");
    if (spoilt.kind === "invalid") {
      expect(spoilt.problems.every((one) => one.file.endsWith("/a.ts"))).toBe(true);
      return;
    }
    const [, one, two] = spoilt.spec.databases;
    expect(one).toMatchObject({ name: "honest", storageBytes: 10 * 2 ** 30, retire: false });
    expect(two).toMatchObject({ name: "sharing", backups: { retentionSeconds: 30 * 86_400 } });
  });

  test("a __proto__ key is an unknown field, not a prototype", async () => {
    const text = database("x", '["__proto__"]: { retire: true }, version: "18"');
    const answer = await evaluator.project(shop({ "x.ts": text }), "acme", "shop");
    expect(answer).toMatchObject({ kind: "invalid", problems: [{ code: "NEB110" }] });
  });
});

describe("the child that evaluates", () => {
  const ownChildren = (): string[] =>
    readdirSync("/proc").filter((pid) => {
      if (!/^\d+$/.test(pid)) return false;
      try {
        const parent = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
        return parent === String(process.pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("inside/main");
      } catch {
        return false;
      }
    });

  test("has an empty environment and runs under Node's permission model", () => {
    const [pid] = ownChildren();
    expect(pid).toBeDefined();
    const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").filter(Boolean);
    expect(environment.filter((line) => !line.startsWith("NODE_CHANNEL_"))).toEqual([]);
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")).toContain("--permission");
  });

  test("may read the platform and its dependencies, and may not write, spawn or load native code", () => {
    const [pid] = ownChildren();
    const allowed = readFileSync(`/proc/${pid}/cmdline`, "utf8")
      .split("\0")
      .filter((one) => one.startsWith("--allow-"));
    expect(allowed.every((one) => /^--allow-fs-read=.*\/(platform|node_modules)$/.test(one))).toBe(true);
  });
});
