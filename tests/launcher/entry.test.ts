/** `./nebula` on a machine with nothing of ours: an empty cache, an old Node, npm. Uses the npm registry, as every first start. */
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";

const repository = join(import.meta.dirname, "../..");
let home: string;
let checkout: string;
let oldNodeOnly: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "nebula-entry-"));
  checkout = join(home, "a checkout");
  mkdirSync(join(checkout, "launcher"), { recursive: true });
  cpSync(join(repository, "nebula"), join(checkout, "nebula"));
  writeFileSync(join(checkout, "package.json"), JSON.stringify({ name: "x", version: "1.0.0", private: true }));
  const lock = { name: "x", version: "1.0.0", lockfileVersion: 3, packages: { "": { name: "x", version: "1.0.0" } } };
  writeFileSync(join(checkout, "package-lock.json"), JSON.stringify(lock));
  writeFileSync(
    join(checkout, "launcher/cli.ts"),
    "const told: object = { node: process.versions.node, args: process.argv.slice(2), cwd: process.cwd() };\nconsole.log(JSON.stringify(told));\n",
  );
  oldNodeOnly = makePathWithOldNode();
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

async function run(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = spawn(program, args, {
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    env: { HOME: home, PATH: oldNodeOnly, ...proxies(), ...env },
  });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.on("close", resolve)));
  return { code, out, err };
}

/** What a machine may need to reach its registry. */
const proxies = () =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /proxy|^npm_config_registry$|CA_CERTS$/i.test(name)),
  ) as Record<string, string>;

/** A PATH on which `node` says that it is 20; npm and the shell's programs are the machine's. */
function makePathWithOldNode(): string {
  const bin = join(home, "bin");
  mkdirSync(bin);
  const real = process.execPath;
  writeFileSync(join(bin, "node"), `#!/bin/sh\n[ "$1" = --version ] && echo v20.0.0 && exit\nexec "${real}" "$@"\n`);
  chmodSync(join(bin, "node"), 0o755);
  const withoutNode = (process.env.PATH ?? "").split(":").filter((folder) => !existsSync(join(folder, "node")));
  for (const folder of ["/usr/bin", "/bin", "/usr/local/bin", dirname(real), ...(process.env.PATH ?? "").split(":")])
    if (existsSync(join(folder, "npm")) && !existsSync(join(bin, "npm")))
      symlinkSync(join(folder, "npm"), join(bin, "npm"));
  for (const folder of ["/usr/bin", "/bin"])
    for (const name of existsSync(join(folder, "node")) ? readdirSync(folder) : [])
      if (name !== "node" && lstatSync(join(bin, name), { throwIfNoEntry: false }) === undefined)
        symlinkSync(join(folder, name), join(bin, name));
  return [bin, ...withoutNode].join(":");
}

test("two at once on an empty cache set up once and both arrive", { timeout: 300_000 }, async () => {
  const nebula = join(checkout, "nebula");
  const [one, two] = await Promise.all([run(nebula, ["one"]), run(nebula, ["two"])]);
  for (const ran of [one, two]) expect(ran, ran.err).toMatchObject({ code: 0 });
  expect([one, two].map((ran) => JSON.parse(ran.out).args)).toEqual([["one"], ["two"]]);
  expect(Number.parseInt(JSON.parse(one.out).node, 10)).toBeGreaterThanOrEqual(24);
  expect(`${one.err}${two.err}`.match(/installing Node 24/g)).toHaveLength(1);
  expect(`${one.err}${two.err}`.match(/installing npm packages/g)).toHaveLength(1);
  const cache = join(home, ".cache/nebuladb");
  expect(readdirSync(join(cache, "locks"))).toEqual([]);
  expect(readdirSync(join(cache, "node"))).toEqual(["24"]);
});

test("once set up it says nothing, needs no npm, and works through a symlink from another folder", async () => {
  const link = join(home, "nb");
  symlinkSync("a checkout/nebula", link);
  const withoutNpm = join(home, "few");
  mkdirSync(withoutNpm);
  for (const name of ["sh", "readlink", "dirname", "cksum", "uname", "cat", "cut", "sed", "mkdir", "rm"])
    symlinkSync(join(existsSync(`/bin/${name}`) ? "/bin" : "/usr/bin", name), join(withoutNpm, name));
  const ran = await run(link, ["a b", "-o", "json"], { PATH: withoutNpm });
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(JSON.parse(ran.out)).toMatchObject({ args: ["a b", "-o", "json"], cwd: "/" });
});

test("a changed lock file installs again", { timeout: 360_000 }, async () => {
  const file = join(checkout, "package-lock.json");
  writeFileSync(file, `${readFileSync(file, "utf8")}\n`);
  expect((await run(join(checkout, "nebula"), [])).err).toContain("installing npm packages");
  expect((await run(join(checkout, "nebula"), [])).err).toBe("");
});

test("the lock of a killed set-up is taken over", { timeout: 360_000 }, async () => {
  const cache = join(home, ".cache/nebuladb");
  rmSync(join(checkout, "node_modules"), { recursive: true, force: true });
  const [lock = ""] = (
    await run("/bin/sh", ["-c", 'printf "npm-%s" "$(printf %s "$0" | cksum | cut -d" " -f1)"', checkout])
  ).out.split("\n");
  mkdirSync(join(cache, "locks", lock), { recursive: true });
  writeFileSync(join(cache, "locks", lock, "owner"), "999999 12345\n");
  const ran = await run(join(checkout, "nebula"), []);
  expect(ran, ran.err).toMatchObject({ code: 0 });
  expect(readdirSync(join(cache, "locks"))).toEqual([]);
});

test("without npm it says what is missing and for what", async () => {
  const ran = await run(join(checkout, "nebula"), [], { PATH: join(home, "few"), NEBULA_CACHE: join(home, "empty") });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("npm is missing (NEB923), needed to fetch Node 24");
});

test("a cache folder that cannot be made is named", async () => {
  copyFileSync(join(checkout, "package.json"), join(home, "a-file"));
  const ran = await run(join(checkout, "nebula"), [], { NEBULA_CACHE: join(home, "a-file/cache") });
  expect(ran.code).toBe(1);
  expect(ran.err).toContain("NEB921");
  expect(ran.err).toContain("NEBULA_CACHE");
});
