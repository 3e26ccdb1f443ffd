/** What a process that stands on the ledger looks at to say how it is (platform/core, `makeHealth`). */
import { type Check, defineError, processMissing, replicaBehind } from "../../core/index.ts";
import type { Sql } from "../../sql/index.ts";
import { listReplicas, type ReplicaKind } from "../replicas/index.ts";
import { countDegraded } from "../repositories/index.ts";

export const hostAway = defineError({
  code: "NEB948",
  status: 503,
  title: "A Git host does not let a repository be followed",
  retry: true,
  hint: "`nebula repo show` says why; what runs goes on running, and changes wait.",
});

export const ledgerCheck = (sql: Sql, name = "ledger"): Check => ({
  name,
  needed: true,
  async ask() {
    await sql.query("select 1");
  },
});

/** As the reconcilers found them. */
export const gitHostsCheck = (sql: Sql): Check => ({
  name: "githosts",
  needed: false,
  async ask() {
    const away = await countDegraded(sql);
    if (away > 0) throw hostAway(`${away} repositories`);
  },
});

/** Whether processes of these kinds run, and none has stopped beating without having gone. */
export const replicasCheck = (sql: Sql, kinds: readonly ReplicaKind[]): Check => ({
  name: "replicas",
  needed: false,
  async ask() {
    const replicas = (await listReplicas(sql)).filter(({ kind }) => kinds.includes(kind));
    for (const wanted of kinds)
      if (!replicas.some(({ kind, alive }) => kind === wanted && alive)) throw processMissing(`no ${wanted}`);
    const silent = replicas.filter(({ alive }) => !alive);
    if (silent.length > 0) throw replicaBehind(`${silent.length} do not beat`);
  },
});

/** Behind its primary for longer is no standby to rely on. */
const mostLagMs = 60_000;

/** Standbys of databases, as they were last looked at. */
export const standbysCheck = (sql: Sql): Check => ({
  name: "standbys",
  needed: false,
  async ask() {
    const { behind } = await sql.one<{ behind: number }>(
      `select count(*)::int as behind from instances, jsonb_array_elements(standbys) as seen
       where phase = 'Ready' and (seen ->> 'lagMs')::float8 > $1`,
      [mostLagMs],
    );
    if (behind > 0) throw replicaBehind(`${behind} standbys`);
  },
});
