import type { Secret } from "../core/index.ts";
import { makeVerifier, quoteIdent, quoteLiteral, type Sql } from "../sql/index.ts";
import { migrate } from "./migrate.ts";

/** Whom portal and reconciler log in as: may use the ledger, may not change its shape or its audit. */
export const appRole = "nebula_app";
/** Owner of the embedded forge's database, and of nothing else. */
export const forgeRole = "nebula_forge";
/** Whom the receiver of the log logs in as: may stream the log, and connect to no database. */
export const archiveRole = "nebula_archive";

/**
 * What the owner does before any main starts: the newest schema, and the application's login with this password. Safe at any
 * time and when two do it at once. Returns the names of the migrations that this call applied.
 */
export async function prepareLedger(owner: Sql, appPassword: Secret): Promise<readonly string[]> {
  const applied = await migrate(owner);
  await ensureLogin(owner, appRole, appPassword);
  await owner.query(
    `do $$ begin execute format('grant connect on database %I to ${appRole}', current_database()); end $$`,
  );
  return applied;
}

/** Gives the forge's database to a login of its own, with what an earlier release had made there as its owner. */
export async function prepareForge(owner: Sql, password: Secret): Promise<void> {
  await ensureLogin(owner, forgeRole, password);
  await owner.query(`
    do $$ declare
      one record;
    begin
      execute format('alter database %I owner to ${forgeRole}', current_database());
      execute 'alter schema public owner to ${forgeRole}';
      for one in select c.oid::regclass as name, c.relkind from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v', 'S', 'p') and c.relowner <> '${forgeRole}'::regrole
          and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i') and c.relkind = 'S') loop
        execute format('alter %s %s owner to ${forgeRole}',
          case one.relkind when 'v' then 'view' when 'S' then 'sequence' else 'table' end, one.name);
      end loop;
      for one in select p.oid::regprocedure as name from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proowner <> '${forgeRole}'::regrole loop
        execute format('alter routine %s owner to ${forgeRole}', one.name);
      end loop;
    end $$`);
}

/** The login of the log's receiver: streaming needs no grant on anything. Which rules let it into no database is the server's. */
export async function prepareArchive(owner: Sql, password: Secret): Promise<void> {
  await ensureLogin(owner, archiveRole, password);
  await owner.query(`alter role ${archiveRole} replication connection limit 4`);
}

/** The password crosses as its verifier: a statement that fails stands in the server's log. */
async function ensureLogin(owner: Sql, role: string, password: Secret): Promise<void> {
  const verifier = await makeVerifier(password);
  await owner.tx(async (tx) => {
    await tx.query("select pg_advisory_xact_lock(hashtext('nebuladb logins'))");
    const known = await tx.maybe("select from pg_roles where rolname = $1", [role]);
    if (known === undefined) await tx.query(`create role ${quoteIdent(role)}`);
    await tx.query(
      `alter role ${quoteIdent(role)} login nosuperuser nocreatedb nocreaterole password ${quoteLiteral(verifier)}`,
    );
  });
}
