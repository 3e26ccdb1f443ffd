/** What only the local driver promises: folders, users, kills, sockets, disks. The rest is tests/conformance. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeLocalDriver, readGate, restartSettings } from "../../platform/compute/index.ts";
import { makeVault, Secret } from "../../platform/core/index.ts";
import { connectionUrl, connectOnce } from "../../platform/sql/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { freePort } from "../harness/ports.ts";
import { killed, saying, startChild } from "./child.ts";
import { asTenant, type Ground, makeGround, pgBin, vault, wish } from "./ground.ts";

const root = process.getuid?.() === 0;
let ground: Ground;
beforeAll(async () => {
  ground = await makeGround();
  await ground.driver.prepare();
});
afterAll(() => ground?.clear());

/** The inodes of the sockets that a process has open. */
function openSockets(pid: number): ReadonlySet<string> {
  const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return []; // closed meanwhile
    }
  });
  return new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
}

/** Whatever listens on an address of this machine. */
const listenersOf = (tables: readonly string[]): readonly { readonly address: string; readonly inode: string }[] =>
  tables.flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((row) => row[3] === "0A")
      .map((row) => ({ address: row[1] ?? "", inode: row[9] ?? "" })),
  );

describe("processes", () => {
  test("a server belongs to an unprivileged user, and so does its folder alone", async () => {
    const made = await ground.driver.ensure(await wish());
    const uid = statSync(`/proc/${made.pid}`).uid;
    expect(uid).not.toBe(0);
    const pgdata = statSync(join(made.dataDir, "pgdata"));
    expect([pgdata.uid, pgdata.mode & 0o777]).toEqual([uid, 0o700]);
    if (!root) return;
    for (const name of ["postgresql.conf", "pg_hba.conf", "instance.json", "."])
      expect(statSync(join(made.dataDir, name)).uid).toBe(0);
    for (const name of ["template", "spares"]) expect(statSync(join(ground.dataDir, name)).mode & 0o777).toBe(0o700);
  });

  test.runIf(process.platform === "linux")(
    "it listens on its Unix socket and on no address, whatever its allow-list says",
    async () => {
      const made = await ground.driver.ensure(await wish({ allowFrom: ["0.0.0.0/0", "::/0"] }));
      const open = openSockets(made.pid ?? 0);
      expect(listenersOf(["tcp", "tcp6"]).filter(({ inode }) => open.has(inode))).toEqual([]);
      const path = join(made.host, ".s.PGSQL.5432");
      const unix = readFileSync("/proc/net/unix", "utf8")
        .split("\n")
        .map((line) => line.trim().split(/\s+/));
      expect(unix.some((row) => row.at(-1) === path && open.has(row.at(-2) ?? ""))).toBe(true);
      // the control: a server of ours that does listen is found in the same way
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const own = openSockets(process.pid);
      expect(listenersOf(["tcp", "tcp6"]).filter(({ inode }) => own.has(inode))).not.toEqual([]);
      server.close();
    },
  );

  test("one that an earlier release started keeps its port until it starts again, and answers meanwhile", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    await ground.driver.stop(wanted.id);
    const port = await freePort();
    const uid = statSync(join(dataDir, "pgdata")).uid;
    const conf = join(dataDir, "earlier.conf");
    const text = readFileSync(join(dataDir, "postgresql.conf"), "utf8");
    writeFileSync(conf, `${text}port = ${port}\nlisten_addresses = '127.0.0.1'\n`, { mode: 0o644 });
    const args = ["-D", join(dataDir, "pgdata"), "-c", `config_file=${conf}`];
    spawn(join(pgBin(), "postgres"), args, {
      ...{
        cwd: "/",
        detached: true,
        stdio: "ignore",
        ...(root ? { uid, gid: statSync(join(dataDir, "pgdata")).gid } : {}),
      },
    }).unref();
    await eventually("it runs", async () => (await ground.driver.observe(wanted.id))?.phase === "Ready");
    expect(await ground.driver.observe(wanted.id)).toMatchObject({ socketPort: port });
    expect(await asTenant(ground.driver, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
    const { restarted, socketPort } = await ground.driver.ensure(wanted);
    expect([restarted, socketPort]).toEqual([expect.arrayContaining(["listen_addresses", "port"]), 5432]);
    expect(await ground.driver.ensure(wanted)).toMatchObject({ changed: [], restarted: [] });
  });

  test("it outlives who started it, and anybody adopts it", async () => {
    const wanted = await wish();
    const child = startChild("ensure-child.ts", [ground.dataDir, wanted.id]);
    await saying(child, "done");
    await killed(child);
    const seen = await ground.driver.observe(wanted.id);
    expect(seen).toMatchObject({ phase: "Ready", running: true });
    expect(await ground.driver.ensure(wanted)).toMatchObject({ created: false, pid: seen?.pid, restarted: [] });
  });

  test("a pid file that names somebody else's process is no server and does not block a start", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    await ground.driver.stop(wanted.id);
    const stranger = (await ground.driver.list()).find(({ running }) => running)?.pid ?? process.pid;
    writeFileSync(join(dataDir, "pgdata", "postmaster.pid"), `${stranger}\n/x\n1\n5432\n/x\n\n\nready   \n`);
    expect(await ground.driver.observe(wanted.id)).toMatchObject({ running: false, phase: "Stopped" });
    await ground.driver.stop(wanted.id, "immediate");
    expect(() => process.kill(stranger, 0)).not.toThrow();
    expect(await ground.driver.start(wanted.id)).toMatchObject({ phase: "Ready" });
  });

  test("orphans of a killed server do not block the next one", async () => {
    const wanted = await wish();
    const { pid } = await ground.driver.ensure(wanted);
    const busy = asTenant(ground.driver, wanted, (sql) =>
      sql.query("select count(*) from generate_series(1, 1000000000)"),
    ).catch(() => 0);
    await eventually("a busy backend", async () => (await ground.driver.measure(wanted.id))?.connections === 1);
    process.kill(pid ?? 0, "SIGKILL");
    expect(await ground.driver.ensure(wanted)).toMatchObject({ phase: "Ready" });
    await busy;
  });

  test("killed at 25 random moments, ensure ends whole and leaves nothing half-made", async () => {
    const rounds = Number(process.env.NEBULA_SOAK === "1" ? 100 : 25);
    for (let round = 0; round < rounds; round++) {
      const wanted = await wish();
      const child = startChild("ensure-child.ts", [ground.dataDir, wanted.id]);
      await saying(child, "go");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
      await killed(child);
      expect(await ground.driver.ensure(wanted)).toMatchObject({ phase: "Ready" });
      expect(await asTenant(ground.driver, wanted, (sql) => sql.one("select 1 as one"))).toEqual({ one: 1 });
      expect(await ground.driver.ensure(wanted)).toMatchObject({ changed: [] });
      await ground.driver.remove(wanted.id);
      await ground.driver.purge(wanted.id);
    }
    expect(readdirSync(join(ground.dataDir, "instances")).filter((name) => name.startsWith("."))).toEqual([]);
  }, 300_000);
});

describe("secrets", () => {
  test("a plain password is nowhere in the folder, the log, or what the ledger may keep", async () => {
    const wanted = await wish({ ownerPassword: new Secret("Zx9-canary-password") });
    const made = await ground.driver.ensure(wanted);
    await ground.driver.ensure({ ...wanted, ownerPassword: new Secret("Zx9-canary-password-2") });
    await ground.driver.stop(wanted.id);
    const found = execFileSync("sh", [
      "-c",
      `grep -rl Zx9-canary "$0" "$1" || true`,
      made.dataDir,
      join(ground.dataDir, "log"),
    ]);
    expect(found.toString()).toBe("");
    expect(JSON.stringify(made)).not.toContain("canary");
  });

  test("under another master key an instance is not touched", async () => {
    const wanted = await wish();
    await ground.driver.ensure(wanted);
    const other = makeVault(new Secret(Buffer.alloc(32, 8).toString("base64")));
    const stranger = await makeLocalDriver({ dataDir: ground.dataDir, pgBin: pgBin(), vault: other });
    expect(await codeOf(stranger.ensure(wanted))).toBe("NEB355");
    expect(await ground.driver.ensure(wanted)).toMatchObject({ phase: "Ready", changed: [] });
    await stranger.close();
  });
});

describe("settings", () => {
  test("what restarts is what Postgres says", async () => {
    const wanted = await wish({ extensions: ["pg_stat_statements"] });
    const { dataDir } = await ground.driver.ensure(wanted);
    const names = readFileSync(join(dataDir, "postgresql.conf"), "utf8").match(/^[a-z_]+(?= =)/gm) ?? [];
    const rows = await asTenant(ground.driver, wanted, (sql) =>
      sql.query<{ name: string; context: string }>("select name, context from pg_settings where name = any($1)", [
        names,
      ]),
    );
    const ours = rows.filter(({ name }) => restartSettings.has(name)).map(({ name }) => name);
    const theirs = rows.filter(({ context }) => context === "postmaster").map(({ name }) => name);
    const fixed = ["hba_file", "ident_file", "wal_level"]; // never differ between two shapes
    expect(ours.filter((name) => !fixed.includes(name)).sort()).toEqual(
      theirs.filter((name) => !fixed.includes(name)).sort(),
    );
  });

  test("an allow-list is the gateway's: it restarts nothing, and the server's own rules know no address", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    expect(await ground.driver.ensure({ ...wanted, allowFrom: ["10.0.0.0/8"] })).toMatchObject({
      ...{ restarted: [], changed: ['allowFrom: [] to ["10.0.0.0/8"]'] },
    });
    expect((await readGate(ground.dataDir, wanted.id))?.allowFrom).toEqual(["10.0.0.0/8"]);
    expect(readFileSync(join(dataDir, "pg_hba.conf"), "utf8")).not.toMatch(/^host/m);
  });

  test("a settings file that somebody changed or removed is written again", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    rmSync(join(dataDir, "postgresql.conf"));
    writeFileSync(join(dataDir, "pg_hba.conf"), "host all all all trust\n");
    await ground.driver.ensure(wanted);
    expect(readFileSync(join(dataDir, "pg_hba.conf"), "utf8")).not.toContain("trust");
    expect(
      await codeOf(asTenant(ground.driver, wanted, (sql) => sql.query("select 1"), { password: new Secret("no") })),
    ).toBe("NEB914");
  });
});

describe("trouble", () => {
  test("a server that cannot start says its last words", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    await ground.driver.stop(wanted.id);
    rmSync(join(dataDir, "pgdata", "pg_wal"), { recursive: true });
    const failed = await ground.driver.start(wanted.id).catch((thrown) => thrown);
    expect(failed.code).toBe("NEB345");
    expect(failed.message).toMatch(/FATAL/);
  });

  test("a damaged folder is never written over", async () => {
    const wanted = await wish();
    const { dataDir } = await ground.driver.ensure(wanted);
    await ground.driver.stop(wanted.id);
    rmSync(join(dataDir, "pgdata", "global", "pg_control"));
    expect(await ground.driver.observe(wanted.id)).toMatchObject({ phase: "Damaged" });
    expect(await codeOf(ground.driver.ensure(wanted))).toBe("NEB356");
    rmSync(join(dataDir, "instance.json"));
    expect(await codeOf(ground.driver.ensure(wanted))).toBe("NEB356");
    expect(readdirSync(join(dataDir, "pgdata")).length).toBeGreaterThan(5);
    expect((await ground.driver.remove(wanted.id))?.id).toBe(wanted.id);
  });

  test("a database that somebody dropped is not replaced by an empty one", async () => {
    const wanted = await wish();
    const { host, socketPort: port } = await ground.driver.ensure(wanted);
    const password = vault.derive(`compute:admin:${wanted.id}`);
    const admin = connectionUrl({ host, port, user: "nebula_admin", password, database: "postgres" });
    await connectOnce(admin, (sql) => sql.query("drop database orders"));
    expect(await codeOf(ground.driver.ensure(wanted))).toBe("NEB356");
  });

  test("programs that are missing, or out of reach, are named", async () => {
    expect(await codeOf(makeLocalDriver({ dataDir: ground.dataDir, pgBin: "/nowhere", vault }))).toBe("NEB341");
    if (!root) return;
    const closed = mkdtempSync(join(tmpdir(), "ndb-closed-")); // 0700
    try {
      const thrown = await makeLocalDriver({ dataDir: join(closed, "data"), pgBin: pgBin(), vault }).catch(
        (error) => error,
      );
      expect(thrown.code).toBe("NEB342");
      expect(thrown.message).toContain(closed);
      expect(
        await codeOf(makeLocalDriver({ dataDir: ground.dataDir, pgBin: pgBin(), vault, osUser: "no-such-user" })),
      ).toBe("NEB340");
    } finally {
      rmSync(closed, { recursive: true });
    }
  });
});

describe("the template", () => {
  test("two processes that need it at once build one", async () => {
    const fresh = await makeGround({ spares: 0 });
    try {
      const wishes = [await wish(), await wish(), await wish()];
      const children = wishes.map(({ id }) => startChild("ensure-child.ts", [fresh.dataDir, id]));
      await Promise.all(children.map((child) => saying(child, "done")));
      expect((await fresh.driver.list()).map(({ phase }) => phase)).toEqual(["Ready", "Ready", "Ready"]);
      expect(readdirSync(join(fresh.dataDir, "template"))).toHaveLength(1);
      await Promise.all(children.map(killed));
    } finally {
      await fresh.clear();
    }
  });

  test("a damaged one is built again", async () => {
    const fresh = await makeGround({ spares: 1 });
    try {
      await fresh.driver.prepare();
      const [version = ""] = readdirSync(join(fresh.dataDir, "template"));
      rmSync(join(fresh.dataDir, "template", version, "pgdata", "base"), { recursive: true });
      const driver = await makeLocalDriver({ dataDir: fresh.dataDir, pgBin: pgBin(), vault, spares: 1 });
      expect(await driver.ensure(await wish())).toMatchObject({ phase: "Ready" });
      await driver.close();
    } finally {
      await fresh.clear();
    }
  });
});

describe("a full disk", () => {
  const run = async (reserve: string) => {
    const home = mkdtempSync(join(tmpdir(), "ndb-full-"));
    chmodSync(home, 0o755);
    const disk = join(home, "disk");
    mkdirSync(disk);
    const mount = `mount -t tmpfs -o size=200m,mode=755 tmpfs "$0" && exec "$@"`;
    const again = root
      ? []
      : ["unshare", "-U", `--map-user=${process.getuid?.()}`, `--map-group=${process.getgid?.()}`];
    const wrap = ["unshare", root ? "-m" : "-Urm", "sh", "-c", mount, disk, ...again];
    try {
      return JSON.parse(await saying(startChild("full-disk-child.ts", [join(disk, "data"), reserve], wrap), "\n"));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  };
  const healthy = {
    ...{ refused: "NEB344", leftAfterRefusal: [], rows: [{ id: 1 }], madeLater: true, startRefused: "NEB344" },
    ...{ changeRefused: "NEB344", removedOnFullDisk: true, startedLater: "Ready", rowsLater: [{ id: 1 }] },
  };

  test("stops a creation in the middle, leaves nothing of it, and harms nobody", async () => {
    expect(await run("0")).toMatchObject(healthy);
  }, 60_000);

  test("is seen before anything is written", async () => {
    expect(await run(String(64 * 1024 ** 2))).toMatchObject(healthy);
  }, 60_000);
});
