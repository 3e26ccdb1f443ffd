import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { toDeclarations } from "./pack/emit.ts";
import { packTar } from "./pack/tar.ts";
import { type SeedFiles, seedFiles } from "./seed-repository.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "..");

let folder: string;
let seed: SeedFiles;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "seed-"));
  seed = await seedFiles(root, join(folder, "cache"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const textOf = (path: string): string => Buffer.from(seed.get(path) ?? "").toString("utf8");

it("the same checkout gives the same bytes, from an empty cache too", async () => {
  const again = await seedFiles(root, join(folder, "other-cache"));
  expect([...again.keys()]).toEqual([...seed.keys()]);
  for (const [path, bytes] of again)
    expect(Buffer.from(bytes).equals(Buffer.from(seed.get(path) ?? "")), path).toBe(true);
});

it("holds the declarations, the workflow and a lock that names the packed platform", () => {
  for (const path of [
    "tenants/fleet/prices.ts",
    ".github/workflows/pulumi.yml",
    ".gitignore",
    "Pulumi.yaml",
    "README.md",
  ])
    expect(textOf(path), path).toMatch(/\S/);
  const lock = JSON.parse(textOf("package-lock.json"));
  const platform = lock.packages["node_modules/@nebuladb/platform"];
  expect(platform.resolved).toBe("file:vendor/nebuladb-platform-0.1.0.tgz");
  for (const [name, version] of Object.entries(platform.dependencies))
    expect(lock.packages[`node_modules/${name}`].version).toBe(version);
  expect(textOf("package-lock.json")).not.toMatch(/"resolved": "https?:/);
});

it("is typed for its declarations, and a wrong one is refused", async () => {
  const checkout = join(folder, "checkout");
  for (const [path, bytes] of seed) {
    await mkdir(dirname(join(checkout, path)), { recursive: true });
    await writeFile(join(checkout, path), bytes);
  }
  const installed = join(checkout, "node_modules/@nebuladb/platform");
  await mkdir(installed, { recursive: true });
  const tarball = join(checkout, "vendor/nebuladb-platform-0.1.0.tgz");
  await run("tar", ["xzf", tarball, "-C", installed, "--strip-components=1"]);
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const check = () => run(process.execPath, [tsc, "-p", join(checkout, "tsconfig.json")]);
  await check();
  const wrong =
    'import { Postgres } from "@nebuladb/platform";\n\nexport default new Postgres("x", { version: "18", storage: 10 });\n';
  await writeFile(join(checkout, "tenants/acme/shop/x.ts"), wrong);
  const failed = await check().catch((problem: { stdout: string }) => problem);
  expect(failed.stdout).toContain("tenants/acme/shop/x.ts(3,");
  // The package's own dependencies are installed by npm; here they are this checkout's.
  await symlink(join(root, "node_modules"), join(installed, "node_modules"));
  const script =
    'import("@nebuladb/platform").then(({ Postgres }) => console.log(new Postgres("a", { version: "18" }).engine))';
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script], { cwd: checkout });
  expect(stdout.trim()).toBe("postgres");
});

it("refuses to pack a vocabulary that does not say its types", () => {
  expect(() => toDeclarations("a.ts", "export const make = (x: number) => ({ x: [x].map(String) });\n")).toThrow(
    /a\.ts:1/,
  );
});

it("writes an archive that tar reads", async () => {
  const file = join(folder, "a.tgz");
  await writeFile(
    file,
    packTar(
      new Map([
        ["b/c.txt", "see"],
        ["a.txt", "x".repeat(1000)],
      ]),
    ),
  );
  const { stdout } = await run("tar", ["tzf", file]);
  expect(stdout.trim().split("\n")).toEqual(["package/a.txt", "package/b/c.txt"]);
  const { stdout: text } = await run("tar", ["xzf", file, "-O", "package/b/c.txt"]);
  expect(text).toBe("see");
});

it("finds the projects that a change touches", async () => {
  const checkout = join(folder, "repository");
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(checkout, path)), { recursive: true });
    await writeFile(join(checkout, path), text);
  };
  const git = async (...args: string[]) =>
    (await run("git", ["-c", "user.name=t", "-c", "user.email=t@t", ...args], { cwd: checkout })).stdout.trim();
  for (const path of [
    "tenants/a/one/project.ts",
    "tenants/a/two/project.ts",
    "tenants/a/shared/x.ts",
    "tenants/b/one/project.ts",
  ])
    await write(path, "");
  await write("changed-stacks.js", textOf(".github/changed-stacks.js"));
  await write("package.json", '{"type":"module"}');
  await git("init", "-q");
  const commit = async () => {
    await git("add", ".");
    await git("commit", "-q", "-m", "x");
    return git("rev-parse", "HEAD");
  };
  let last = await commit();
  const changed = async () => {
    const base = last;
    last = await commit();
    const { stdout } = await run(process.execPath, ["changed-stacks.js", base, "HEAD"], { cwd: checkout });
    return (JSON.parse(stdout.replace("stacks=", "")) as { name: string }[]).map(({ name }) => name);
  };
  await write("tenants/a/one/db.ts", "x");
  expect(await changed()).toEqual(["a.one"]);
  await write("tenants/a/shared/x.ts", "x");
  expect(await changed()).toEqual(["a.one", "a.two"]);
  await write("package.json", '{"type":"module","version":"1"}');
  expect(await changed()).toEqual(["a.one", "a.two", "b.one"]);
  await write("NOTES.md", "x");
  expect(await changed()).toEqual([]);
});
