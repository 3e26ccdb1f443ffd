import pLimit from "p-limit";
import { type Advice, type AdviceRow, adviceParameters, adviceSql, toAdvice } from "../../platform/advise/index.ts";
import type { Backups } from "../../platform/backup/index.ts";
import { type Door, type Rehearsal, rehearse } from "../../platform/migrations/index.ts";
import { type DatabaseSpec, objectNames } from "../../platform/spec/index.ts";
import type { Rehearser } from "./migrations.ts";

/** Roles that a data API has in its database: policies may name them before it is on. */
const apiRoles = ["anon", "authenticated", "service_role"];

/**
 * As the owner: the catalog is everybody's to read, and a look at a tenant's schema takes no more rights than that.
 * @returns undefined where the database does not let anybody look: the rehearsal is worth having without it.
 */
const lookAt = (door: Door, { api }: DatabaseSpec): Promise<readonly Advice[] | undefined> =>
  door
    .asOwner(async (sql) => {
      await sql.query("set search_path = pg_catalog"); // the owner's own path may lead to operators of the owner's
      return sql.query<AdviceRow>(adviceSql({ history: false }), [...adviceParameters(api)]);
    })
    .then(toAdvice, () => undefined);

const nameOf = ({ id, object, detail }: Advice): string => `${id} ${object} ${detail}`;

type Tried = { readonly rehearsal: Rehearsal; readonly advice?: readonly Advice[] };

/** Rehearses on copies of this machine, one at a time: a copy costs disk, and so does what is tried on it. */
export function makeRehearser(backups: Pick<Backups, "rehearse">): Rehearser {
  const limit = pLimit(1);
  return ({ id, of, spec, migrations }, signal) =>
    limit(async () => {
      signal.throwIfAborted();
      const [tenant = "", project = ""] = id.split(".");
      const { database: databaseName, ownerRole } = objectNames(tenant, project, spec.name);
      const roles = [...spec.roles.map(({ name }) => name), ...apiRoles];
      const stage = { of, id, names: { databaseName, ownerRole }, extensions: spec.extensions, roles, signal };
      const done = await backups.rehearse(stage, async (door): Promise<Tried> => {
        const before = await lookAt(door, spec);
        const rehearsal = await rehearse(door, { folder: spec.name, migrations, ownerRole });
        const after = await lookAt(door, spec);
        if (before === undefined || after === undefined) return { rehearsal };
        const known = new Set(before.map(nameOf));
        return { rehearsal, advice: after.filter((one) => !known.has(nameOf(one))) };
      });
      if (done.kind === "done") return { kind: "done", ...done.value };
      const size = `${(done.bytes / 1024 ** 3).toFixed(1)} GiB`;
      return { kind: "skipped", why: `not rehearsed: there is no room for a copy of ${size}` };
    });
}
