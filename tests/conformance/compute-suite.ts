/**
 * What every compute driver must do, whatever it drives. A driver's test calls `describeComputeDriver` with a subject; what it
 * cannot do is listed in `cannot`, by the test's name, with the reason.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { InstanceWanted } from "../../platform/compute/index.ts";
import { Secret } from "../../platform/core/index.ts";
import { codeOf } from "../harness/code-of.ts";
import { eventually } from "../harness/eventually.ts";
import { describePhases } from "./compute-phases.ts";
import type { Subject } from "./compute-subject.ts";

const passwordOf = ({ name, password }: InstanceWanted["roles"][number]) => [name, password ?? new Secret("")] as const;

export function describeComputeDriver(name: string, makeSubject: () => Promise<Subject>): void {
  describe(`compute driver ${name}`, () => {
    let s: Subject;
    beforeAll(async () => {
      s = await makeSubject();
    });
    afterAll(() => s?.clear());

    const rowsOf = async (wanted: InstanceWanted) =>
      (await s.asTenant(wanted, (sql) => sql.query<{ id: number }>("select id from kept order by id"))).map(
        ({ id }) => id,
      );
    const makeKept = async (changes: Partial<InstanceWanted> = {}) => {
      const wanted = await s.wish(changes);
      await s.driver.ensure(wanted);
      await s.asTenant(wanted, (sql) =>
        sql.query("create table kept (id int primary key); insert into kept values (1), (2)"),
      );
      return wanted;
    };

    test("creates an instance that answers its owner", async () => {
      const wanted = await s.wish({ tags: { team: "shop" } });
      const made = await s.driver.ensure(wanted);
      expect(made).toMatchObject({ created: true, phase: "Ready", running: true, units: 0.25 });
      const row = await s.asTenant(wanted, (sql) =>
        sql.one(
          "select current_user as me, current_database() as at, current_setting('server_version_num')::int / 10000 as major",
        ),
      );
      expect(row).toMatchObject({ me: "orders", at: "orders", major: 18 });
    });

    test("ensuring twice changes nothing, not even the process", async () => {
      const wanted = await makeKept();
      const before = await s.driver.observe(wanted.id);
      const again = await s.driver.ensure(wanted);
      expect(again).toMatchObject({ created: false, changed: [], restarted: [], pid: before?.pid });
    });

    test("two that ensure at once make one", async () => {
      const wanted = await s.wish();
      const both = await Promise.all([s.driver.ensure(wanted), s.driver.ensure(wanted), s.driver.ensure(wanted)]);
      expect(both.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(both.map(({ pid }) => pid)).size).toBe(1);
    });

    test("refuses a wrong password, an unknown role and another database", async () => {
      const wanted = await makeKept();
      const knock = (login: object) => codeOf(s.asTenant(wanted, (sql) => sql.query("select 1"), login));
      expect(await knock({})).toBe("no error");
      expect(await knock({ password: new Secret("wrong") })).toBe("NEB914");
      expect(await knock({ user: "nobody_here" })).toBe("NEB914");
      for (const database of ["postgres", "template1"]) expect(await knock({ database })).toBe("NEB914");
    });

    test("the owner is no superuser and reaches no file, program, role or other database", async () => {
      const wanted = await makeKept();
      const attempts = [
        "create role mate",
        "alter role orders superuser",
        "create database other",
        "alter system set work_mem = '1GB'",
        "copy kept to '/tmp/ndb-escape'",
        "copy kept from program 'id'",
        "select pg_read_file('/etc/passwd')",
        "select pg_ls_dir('/')",
        "select lo_import('/etc/passwd')",
        "create extension dblink",
        "create extension file_fdw",
        "create language plpython3u",
        "set session authorization nebula_admin",
        "set role nebula_admin",
        "select rolpassword from pg_authid",
        "create function f() returns int language c as 'libc.so.6', 'getpid'",
        "load '/tmp/x.so'",
        "grant pg_execute_server_program to orders",
        "alter database orders set session_preload_libraries = 'x'",
        "create subscription s connection 'host=127.0.0.1' publication p",
      ];
      const done: string[] = [];
      for (const attempt of attempts)
        await s
          .asTenant(wanted, (sql) => sql.query(attempt))
          .then(
            () => done.push(attempt),
            () => undefined,
          );
      expect(done).toEqual([]);
    });

    test("changing compute keeps the data and reports what was restarted", async () => {
      const wanted = await makeKept();
      const bigger = await s.driver.ensure({ ...wanted, units: 2 });
      expect(bigger.restarted).toEqual(expect.arrayContaining(["max_connections", "shared_buffers"]));
      expect(bigger.units).toBe(2);
      expect(await s.asTenant(wanted, (sql) => sql.one("show shared_buffers"))).toEqual({ shared_buffers: "128MB" });
      expect(await rowsOf(wanted)).toEqual([1, 2]);
    });

    test("changing password and roles needs no restart, and the old password ends", async () => {
      const reader = { name: "reader", login: true, access: "read" as const, password: new Secret("r") };
      const wanted = await makeKept({ roles: [reader] });
      const { pid } = await s.driver.ensure(wanted);
      const next = { ...wanted, ownerPassword: new Secret("another") };
      const changed = await s.driver.ensure(next);
      expect(changed).toMatchObject({ restarted: [], pid, changed: ["set the password of orders"] });
      expect(await codeOf(s.asTenant(wanted, (sql) => sql.query("select 1")))).toBe("NEB914");
      expect(await rowsOf(next)).toEqual([1, 2]);
    });

    test("read reads and write writes, also what the owner makes later; neither creates", async () => {
      const roles = (["read", "write"] as const).map((access) => ({
        ...{ name: `${access}_role`, login: true, access, password: new Secret(access) },
      }));
      const wanted = await makeKept({ roles });
      const login = (user: string) => ({ user: `${user}_role`, password: new Secret(user) });
      const run = (user: string, text: string) => codeOf(s.asTenant(wanted, (sql) => sql.query(text), login(user)));
      await s.asTenant(wanted, (sql) =>
        sql.query(
          "create schema later; create table later.t (id int generated always as identity, a int); insert into later.t (a) values (1)",
        ),
      );
      for (const table of ["kept", "later.t"]) {
        expect(await run("read", `select * from ${table}`)).toBe("no error");
        expect(await run("read", `delete from ${table}`)).toBe("NEB900");
        expect(await run("write", `select * from ${table}`)).toBe("no error");
      }
      expect(await run("write", "insert into later.t (a) values (2)")).toBe("no error");
      expect(await run("read", "create table mine (a int)")).toBe("NEB900");
      expect(await run("write", "create table mine (a int)")).toBe("NEB900");
      expect(await run("write", "drop table kept")).toBe("NEB900");
      const turned = roles.map((role) => (role.name === "read_role" ? { ...role, access: "write" as const } : role));
      await s.driver.ensure({ ...wanted, roles: turned });
      expect(await run("read", "insert into kept values (3)")).toBe("no error");
      const gone = await s.driver.ensure({ ...wanted, roles: [] });
      expect(gone.changed).toEqual(["drop role read_role", "drop role write_role"]);
      expect(await run("read", "select 1")).toBe("NEB914");
      expect(await rowsOf(wanted)).toEqual([1, 2, 3]);
    });

    test("extensions come and go by declaration; one in use is not dropped, an unknown one is refused before anything", async () => {
      const wanted = await makeKept();
      const extended = { ...wanted, extensions: ["pg_stat_statements", "pg_trgm"] };
      expect(await s.driver.ensure(extended)).toMatchObject({ restarted: ["shared_preload_libraries"] });
      expect(await s.asTenant(wanted, (sql) => sql.one("select similarity('abc', 'abd') > 0 as alike"))).toEqual({
        alike: true,
      });
      await s.asTenant(wanted, (sql) =>
        sql.query("create table words (w text); create index on words using gin (w gin_trgm_ops)"),
      );
      expect(await codeOf(s.driver.ensure({ ...wanted, extensions: ["pg_stat_statements"] }))).toBe("NEB352");
      await s.asTenant(wanted, (sql) => sql.query("drop table words"));
      const less = await s.driver.ensure(wanted);
      expect(less.changed).toEqual(
        expect.arrayContaining(["drop extension pg_trgm", "drop extension pg_stat_statements"]),
      );
      expect(await codeOf(s.driver.ensure({ ...wanted, extensions: ["no_such_thing"] }))).toBe("NEB351");
      expect(await codeOf(s.driver.ensure({ ...(await s.wish()), extensions: ["dblink"] }))).toBe("NEB351");
      expect(await codeOf(s.driver.mustOffer(wanted.id, ["dblink"]))).toBe("NEB351");
      await s.driver.mustOffer(wanted.id, ["hstore"]);
      expect(await rowsOf(wanted)).toEqual([1, 2]);
    });

    test("storage is not made smaller than what is used", async () => {
      const wanted = await makeKept();
      expect(await codeOf(s.driver.ensure({ ...wanted, storageBytes: 1024 ** 2 }))).toBe("NEB350");
      expect((await s.driver.ensure({ ...wanted, storageBytes: 512 * 1024 ** 2 })).storageBytes).toBe(512 * 1024 ** 2);
      const measured = await s.driver.measure(wanted.id);
      expect(measured?.sizeBytes).toBeGreaterThan(20 * 1024 ** 2);
      expect(measured?.databaseSizeBytes).toBeGreaterThan(1024 ** 2);
    });

    test("sessions of clients are counted, ours are not", async () => {
      const wanted = await makeKept();
      expect((await s.driver.measure(wanted.id))?.connections).toBe(0);
      const counted = await s.asTenant(wanted, async () => (await s.driver.measure(wanted.id))?.connections);
      expect(counted).toBe(1);
    });

    test("a crash loses nothing that was committed, and ensure brings it back", async () => {
      const wanted = await makeKept();
      await s.crash(wanted);
      await eventually("it is seen", async () => (await s.driver.observe(wanted.id))?.phase === "Stopped");
      expect(await s.driver.ensure(wanted)).toMatchObject({ phase: "Ready", created: false, changed: ["start"] });
      expect(await rowsOf(wanted)).toEqual([1, 2]);
    });

    describePhases({
      get subject() {
        return s;
      },
      rowsOf,
      makeKept,
    });

    test("what does not exist is undefined, or a coded error", async () => {
      const { id } = await s.wish();
      expect(await s.driver.observe(id)).toBeUndefined();
      expect(await s.driver.measure(id)).toBeUndefined();
      expect(await s.driver.remove(id)).toBeUndefined();
      expect(await s.driver.purge(id)).toBe(0);
      for (const verb of ["start", "stop", "pause", "resume", "retire", "wake", "freeze", "sleep"] as const)
        expect(await codeOf(s.driver[verb](id))).toBe("NEB347");
      expect(await s.driver.activity(id)).toBeUndefined();
    });

    test("lists what there is", async () => {
      const wanted = await makeKept();
      expect((await s.driver.list()).find(({ id }) => id === wanted.id)).toMatchObject({ phase: "Ready" });
    });

    test("right after an ensure its files and its server are exactly what it was given", async () => {
      const roles = [{ name: "reader", login: true, access: "read" as const, password: new Secret("r") }];
      const more = { units: 2, extensions: ["hstore", "pg_stat_statements"], allowFrom: ["10.0.0.0/8"], roles };
      for (const changes of [{}, more]) {
        const wanted = await makeKept({ tags: { team: "shop" }, ...changes });
        const facts = await s.driver.facts(wanted.id);
        const { units, storageBytes, extensions, allowFrom, tags } = wanted;
        expect(facts).toMatchObject({ units, storageBytes, extensions, allowFrom, tags, files: [], ours: true });
        expect(facts?.folderIdentity).toBe(facts?.identity);
        const passwords = new Map([[wanted.ownerRole, wanted.ownerPassword], ...wanted.roles.map(passwordOf)]);
        const inside = await s.driver.inspect(wanted.id, passwords);
        expect(inside).toMatchObject({
          owner: "orders",
          publicMayConnect: false,
          groupsFollowOwner: true,
          settings: [],
        });
        for (const role of inside?.roles ?? [])
          expect([role.name, role.passwordValid]).toEqual([role.name, passwords.has(role.name) ? true : null]);
        for (const { name, version, given } of inside?.extensions ?? [])
          if (extensions.includes(name)) expect(given).toBe(version);
      }
    });

    test("a look starts nothing: what does not run has no inside", async () => {
      const wanted = await makeKept();
      await s.driver.stop(wanted.id);
      expect(await s.driver.inspect(wanted.id, new Map())).toBeUndefined();
      expect(await s.driver.facts(wanted.id)).toMatchObject({ phase: "Stopped", running: false });
      expect(await s.driver.facts((await s.wish()).id)).toBeUndefined();
    });

    test("a password that somebody else set does not open its role, and is given back", async () => {
      const wanted = await makeKept();
      const valid = async () => {
        const inside = await s.driver.inspect(wanted.id, new Map([["orders", wanted.ownerPassword]]));
        return inside?.roles.find(({ name }) => name === "orders")?.passwordValid;
      };
      await s.asTenant(wanted, (sql) => sql.query("alter role orders password 'mine'"));
      expect(await valid()).toBe(false);
      await s.driver.ensure(wanted);
      expect(await valid()).toBe(true);
    });

    test("instances and final copies leave traces by which they are found", async () => {
      const [kept, gone] = [await makeKept(), await makeKept()];
      await s.driver.remove(gone.id);
      const traces = await s.driver.traces();
      const kinds = (id: string) => traces.filter((trace) => trace.id === id).map(({ kind, ours }) => [kind, ours]);
      expect(kinds(kept.id)).toEqual([["instance", true]]);
      expect(kinds(gone.id)).toEqual([["copy", true]]);
    });

    test("another version is refused, for a new one and for one that runs", async () => {
      expect(await codeOf(s.driver.ensure(await s.wish({ version: "12" })))).toBe("NEB349");
      const wanted = await makeKept();
      expect(await codeOf(s.driver.ensure({ ...wanted, version: "12" }))).toBe("NEB349");
      expect(await rowsOf(wanted)).toEqual([1, 2]);
    });
  });
}
