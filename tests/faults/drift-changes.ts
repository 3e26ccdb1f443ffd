/** What somebody with access to the machine or the server may do behind NebulaDB's back, and what of it is drift. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LocalDriver } from "../../platform/compute/index.ts";
import type { Vault } from "../../platform/core/index.ts";
import type { DatabaseId } from "../../platform/spec/index.ts";
import type { Sql } from "../../platform/sql/index.ts";
import { asAdministrator } from "../harness/administrator.ts";
import { eventually } from "../harness/eventually.ts";
import type { Random } from "../harness/random.ts";

export type Victim = {
  readonly id: DatabaseId;
  readonly driver: LocalDriver;
  readonly vault: Vault;
  readonly ledger: Sql;
  readonly random: Random;
  /** Grows with every trial: names of foreign objects. */
  readonly trial: number;
};

export type Change = {
  readonly name: string;
  /** The paths that must be found, and no others. */
  readonly paths: readonly string[];
  make(victim: Victim): Promise<void>;
  /** For what healing leaves to a person. */
  undo?(victim: Victim): Promise<void>;
};

const folderOf = async ({ driver, id }: Victim) => (await driver.observe(id))?.dataDir ?? "";
const inside = (victim: Victim, ...texts: string[]) =>
  asAdministrator(victim, victim.id, async (sql) => {
    for (const text of texts) await sql.query(text);
  });
const byAdministrator = (name: string, paths: readonly string[], ...texts: string[]): Change => ({
  name,
  paths,
  make: (victim) => inside(victim, ...texts),
});
const inFile = (
  name: string,
  file: string,
  paths: readonly string[],
  edit: (text: string, random: Random) => string,
) => ({
  name,
  paths,
  async make(victim: Victim) {
    const path = join(await folderOf(victim), file);
    writeFileSync(path, edit(readFileSync(path, "utf8"), victim.random));
  },
});
const inManifest = (path: string, key: string, value: unknown): Change =>
  inFile(`instance.json says another ${key}`, "instance.json", [path], (text) =>
    JSON.stringify({ ...JSON.parse(text), [key]: value }),
  );

async function reload({ driver, id }: Victim): Promise<void> {
  process.kill((await driver.observe(id))?.pid ?? 0, "SIGHUP");
}

export const changes: readonly Change[] = [
  inFile(
    "a setting is added",
    "postgresql.conf",
    ["settings.log_connections"],
    (text) => `${text}log_connections = on\n`,
  ),
  inFile(
    "a setting is changed",
    "postgresql.conf",
    ["settings.work_mem"],
    (text, random) => `${text}work_mem = ${random.int(5, 900)}MB # faster\n`,
  ),
  inFile("a setting is taken away", "postgresql.conf", ["settings.jit"], (text) => text.replace(/^jit = .*$/m, "")),
  inFile(
    "a rule lets everybody in",
    "pg_hba.conf",
    ["settings.pg_hba.conf"],
    (text) => `${text}host all all all trust\n`,
  ),
  inFile(
    "postgresql.auto.conf overrides",
    "pgdata/postgresql.auto.conf",
    ["settings.wal_level"],
    (text) => `${text}wal_level = minimal\n`,
  ),
  inManifest("compute.maxUnits", "units", 7),
  inManifest("storageBytes", "storageBytes", 1),
  inFile("gate.json lets every address in", "gate.json", ["allowFrom"], (text) =>
    JSON.stringify({ ...JSON.parse(text), allowFrom: ["0.0.0.0/0"] }),
  ),
  inManifest("tags", "tags", { team: "another" }),
  {
    name: "another data folder takes its place",
    paths: ["data.identity"],
    async make(victim) {
      writeFileSync(join(await folderOf(victim), "pgdata/nebula.identity"), "another\n");
    },
    async undo(victim) {
      const folder = await folderOf(victim);
      const { identity } = JSON.parse(readFileSync(join(folder, "instance.json"), "utf8")) as { identity: string };
      writeFileSync(join(folder, "pgdata/nebula.identity"), `${identity}\n`);
    },
  },
  {
    name: "the server is killed",
    paths: ["running"],
    async make({ driver, id }) {
      process.kill((await driver.observe(id))?.pid ?? 0, "SIGKILL");
      await eventually("it is gone", async () => (await driver.observe(id))?.running === false);
    },
  },
  {
    name: "it is paused by hand",
    paths: ["phase"],
    make: async ({ driver, id }) => void (await driver.pause(id)),
    undo: async ({ driver, id }) => void (await driver.resume(id)),
  },
  { name: "it is retired by hand", paths: ["phase"], make: async ({ driver, id }) => void (await driver.retire(id)) },
  {
    name: "a text that nobody merged is deployed",
    paths: ["replicas"],
    make: async ({ ledger, id }) =>
      void (await ledger.query(`update instances set spec = jsonb_set(spec, '{replicas}', '2') where id = $1`, [id])),
    undo: async ({ ledger, id }) =>
      void (await ledger.query(`update instances set spec = jsonb_set(spec, '{replicas}', '0') where id = $1`, [id])),
  },
  {
    name: "the server runs with another setting than its file",
    paths: ["settings.effective_cache_size"],
    async make(victim) {
      const path = join(await folderOf(victim), "postgresql.conf");
      const text = readFileSync(path, "utf8");
      appendFileSync(path, "effective_cache_size = '77MB'\n");
      await reload(victim);
      await asAdministrator(victim, victim.id, (sql) =>
        eventually("it is loaded", async () => {
          const [row] = await sql.query<{ now: string }>("select current_setting('effective_cache_size') as now");
          return row?.now === "77MB";
        }),
      );
      writeFileSync(path, text);
    },
  },
  byAdministrator(
    "the owner becomes superuser",
    ["roles.orders_owner.attributes"],
    "alter role orders_owner superuser",
  ),
  byAdministrator(
    "the owner's password is set",
    ["roles.orders_owner.password"],
    "alter role orders_owner password 'x'",
  ),
  byAdministrator("a role may not log in", ["roles.reporting.login"], "alter role reporting nologin"),
  byAdministrator("a role expires", ["roles.reporting.attributes"], "alter role reporting valid until '2020-01-01'"),
  byAdministrator("a reader may write", ["roles.reporting.access"], "grant nebula_write to reporting"),
  byAdministrator("a writer may nothing", ["roles.app.access"], "revoke nebula_write from app"),
  byAdministrator("a role reads files", ["roles.app.memberOf"], "grant pg_read_server_files to app"),
  byAdministrator("a role is dropped", ["roles.app"], "drop owned by app", "drop role app"),
  byAdministrator("a group logs in", ["groups.read.login"], "alter role nebula_read login"),
  byAdministrator("an extension is dropped", ["extensions.hstore"], "drop extension hstore"),
  {
    ...byAdministrator(
      "an extension has another version",
      ["extensions.hstore.version"],
      "drop extension hstore",
      "create extension hstore schema public version '1.4'",
    ),
    // Healing accepts a version: it is never put back on a tenant's data.
    undo: (victim) => inside(victim, "alter extension hstore update"),
  },
  byAdministrator("the database has another owner", ["owner"], "alter database orders owner to nebula_admin"),
  byAdministrator("everybody may connect", ["access.public"], "grant connect on database orders to public"),
  byAdministrator(
    "readers see no new tables",
    ["access.groups"],
    "alter default privileges for role orders_owner revoke select on tables from nebula_read",
  ),
];

/** What a tenant, or whoever works beside NebulaDB, may do: never drift, and never touched. */
export const foreign: readonly Change[] = [
  {
    name: "tables, schemas and rows",
    paths: [],
    make: (victim) =>
      inside(
        victim,
        `create schema foreign_${victim.trial}`,
        `create table foreign_${victim.trial}.kept as select 1 as id`,
      ),
  },
  {
    name: "a role made by SQL, with memberships and powers",
    paths: [],
    make: (victim) =>
      inside(
        victim,
        `create role foreign_${victim.trial} login createdb`,
        `grant foreign_${victim.trial} to reporting`,
        `grant nebula_read to foreign_${victim.trial}`,
      ),
  },
  {
    name: "settings of a role and of the database",
    paths: [],
    make: (victim) =>
      inside(victim, "alter role orders_owner set work_mem = '99MB'", "alter database orders set jit = on"),
  },
  {
    name: "an extension that is not declared",
    paths: [],
    make: (victim) => inside(victim, "create extension if not exists citext"),
  },
  {
    name: "a comment in a file",
    paths: [],
    async make(victim) {
      appendFileSync(join(await folderOf(victim), "postgresql.conf"), `# foreign ${victim.trial}\n\n`);
      await reload(victim);
    },
  },
];
