/** An OS user for each server: what one that was broken into can reach of another. */
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeBackups } from "../../platform/backup/index.ts";
import { findServerUsers, type InstanceObserved, resolveOsUser } from "../../platform/compute/index.ts";
import { makeFileStore } from "../../platform/objects/index.ts";
import { asTenant, type Ground, makeGround, pgBin, vault, wish } from "./ground.ts";

const users = await findServerUsers();
const shared = await resolveOsUser();
let ground: Ground;
beforeAll(async () => {
  ground = await makeGround({ spares: 1 });
  await ground.driver.prepare();
});
afterAll(() => ground?.clear());

type Identity = { readonly uid: number; readonly gid: number };

const ownerOf = (path: string): Identity => {
  const { uid, gid } = statSync(path);
  return { uid, gid };
};
const serverOf = ({ dataDir }: Pick<InstanceObserved, "dataDir">): Identity => ownerOf(join(dataDir, "pgdata"));

/** Everything in an instance's folder and beside its socket, itself included. */
const pathsOf = ({ dataDir, host }: InstanceObserved): string[] =>
  [dataDir, host].flatMap((top) => [
    top,
    ...readdirSync(top, { recursive: true, encoding: "utf8" }).map((name) => join(top, name)),
  ]);

/** What somebody can read of these paths, list, or write to. */
function reachedBy(who: Identity, paths: readonly string[]): string[] {
  const script =
    'while IFS= read -r p; do if [ -r "$p" ] || [ -w "$p" ] || { [ -d "$p" ] && ls "$p" >/dev/null 2>&1; }; then echo "$p"; fi; done';
  const { stdout } = spawnSync("sh", ["-c", script], {
    ...who,
    cwd: "/",
    input: `${paths.join("\n")}\n`,
    encoding: "utf8",
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** What psql is told at a server's socket. */
function knock(who: Identity, { host }: InstanceObserved): string {
  const args = ["--host", host, "--username", "orders", "--no-password", "--command", "select 1", "orders"];
  const env = { PATH: "/usr/bin:/bin", HOME: "/nonexistent" };
  return spawnSync(join(pgBin(), "psql"), args, { ...who, cwd: "/", env, encoding: "utf8" }).stderr;
}

const mayKill = (who: Identity, pid: number | null): boolean =>
  spawnSync("sh", ["-c", `kill -0 ${pid}`], { ...who, cwd: "/" }).status === 0;

if (users === null || shared === null)
  test("without root, or without the numbers, all servers run as one user, and it is said which", async () => {
    expect(users).toBeNull();
    const [one, other] = [await ground.driver.ensure(await wish()), await ground.driver.ensure(await wish())];
    expect(serverOf(one)).toEqual(serverOf(other));
    expect(serverOf(one).uid).toBe(shared?.uid ?? process.getuid?.());
  });
else
  describe("where the machine allows it", () => {
    test("each server has a user of its own, who is nobody else", async () => {
      const made = [];
      for (let i = 0; i < 4; i++) made.push(await ground.driver.ensure(await wish())); // a spare, and copies
      const owners = made.map(serverOf);
      expect(new Set(owners.map(({ uid }) => uid)).size).toBe(made.length);
      for (const [i, { uid, gid }] of owners.entries()) {
        expect([uid > users.first && uid <= users.last, gid]).toEqual([true, uid]);
        expect(statSync(`/proc/${made[i]?.pid}`).uid).toBe(uid);
      }
    });

    test("who has one server's user reads nothing of another's, and reaches neither its socket nor its processes", async () => {
      const wanted = await wish({ archive: true });
      const victim = await ground.driver.ensure(wanted);
      await asTenant(ground.driver, wanted, (sql) => sql.query("create table kept as select 'canary' as a"));
      const attacker = serverOf(await ground.driver.ensure(await wish()));
      const paths = pathsOf(victim);
      expect(paths.length).toBeGreaterThan(500);
      expect(reachedBy(attacker, paths)).toEqual([]);
      expect(knock(attacker, victim)).toContain("Permission denied");
      expect(mayKill(attacker, victim.pid)).toBe(false);
      for (const folder of ["instances", "run", "spares", "template", "retired", "secrets", "log/instances"])
        expect(reachedBy(attacker, [join(ground.dataDir, folder)])).toEqual([]);
      // the control: the same questions by who may
      const own = serverOf(victim);
      expect(reachedBy(own, paths).length).toBeGreaterThan(500);
      expect(knock(own, victim)).toContain("no password supplied");
      expect(mayKill(own, victim.pid)).toBe(true);
    });

    test("a server reads of its own folder no more than it must", async () => {
      const victim = await ground.driver.ensure(await wish());
      const own = serverOf(victim);
      const beside = readdirSync(victim.dataDir).map((name) => join(victim.dataDir, name));
      const secret = beside.filter((path) => /\.key$|gate\.json$/.test(path));
      expect(secret.length).toBeGreaterThan(1);
      expect(reachedBy(own, secret)).toEqual([]);
      expect(beside.filter((path) => statSync(path).isFile() && statSync(path).uid === own.uid)).toEqual([]);
    });

    test("the shared user, whose PgBouncer must reach every socket, reaches sockets and no data", async () => {
      const victim = await ground.driver.ensure(await wish());
      expect(knock(shared, victim)).toContain("no password supplied");
      expect(
        reachedBy(
          shared,
          pathsOf(victim).filter((path) => !path.startsWith(victim.host)),
        ),
      ).toEqual([]);
    });

    test("a branch, and what is put in a database's place, get users of their own", async () => {
      const store = mkdtempSync(join(tmpdir(), "ndb-store-"));
      try {
        const { driver } = ground;
        const backups = makeBackups({ driver, vault, store: makeFileStore(store) });
        const [source, copy] = [await wish({ archive: true }), await wish()];
        const first = serverOf(await driver.ensure(source));
        await asTenant(driver, source, (sql) => sql.query("create table kept (a int); insert into kept values (1)"));
        const branch = await backups.branch(copy, { of: source.id });
        expect(serverOf(branch).uid).not.toBe(first.uid);
        expect(reachedBy(first, pathsOf(branch))).toEqual([]);
        await backups.take(source.id, { kind: "full", retentionSeconds: 86_400, pitr: true });
        await backups.restoreInPlace(source.id, { target: { kind: "latest" }, request: "op_1" });
        const now = await driver.ensure(source);
        expect(await asTenant(driver, source, (sql) => sql.one("select a from kept"))).toEqual({ a: 1 });
        const owners = [first, serverOf(branch), serverOf(now)].map(({ uid }) => uid);
        expect(new Set(owners).size).toBe(3);
        expect(owners.every((uid) => uid > users.first)).toBe(true);
      } finally {
        rmSync(store, { recursive: true, force: true });
      }
    });

    test("one that an earlier release made gets its user when it starts again, and keeps its data", async () => {
      const wanted = await wish({ archive: true });
      const { driver } = ground;
      const { dataDir } = await driver.ensure(wanted);
      await asTenant(driver, wanted, (sql) => sql.query("create table kept (a int); insert into kept values (1)"));
      await driver.stop(wanted.id);
      for (const name of ["pgdata", "spool"])
        execFileSync("chown", ["-hR", `${shared.uid}:${shared.gid}`, join(dataDir, name)]);
      execFileSync("chmod", ["711", dataDir]);
      chownSync(dataDir, 0, 0);
      await driver.wake(wanted.id);
      const seen = await driver.observe(wanted.id);
      if (seen === undefined) throw new Error("it is gone");
      const { uid } = serverOf(seen);
      expect([uid > users.first, statSync(`/proc/${seen.pid}`).uid]).toEqual([true, uid]);
      const tree = execFileSync("find", [
        join(dataDir, "pgdata"),
        join(dataDir, "spool"),
        "-mindepth",
        "1",
        "!",
        "-uid",
        String(uid),
      ]);
      expect(tree.toString()).toBe("");
      expect(
        reachedBy(
          shared,
          pathsOf(seen).filter((path) => !path.startsWith(seen.host)),
        ),
      ).toEqual([]);
      expect(await asTenant(driver, wanted, (sql) => sql.one("select a from kept"))).toEqual({ a: 1 });
      expect(readFileSync(join(dataDir, "pgdata", "PG_VERSION"), "utf8").trim()).toBe("18");
      expect(await driver.ensure(wanted)).toMatchObject({ changed: [], restarted: [] });
    });
  });
