import pLimit from "p-limit";
import type { Backups } from "../../platform/backup/index.ts";
import { rehearse } from "../../platform/migrations/index.ts";
import { objectNames } from "../../platform/spec/index.ts";
import type { Rehearser } from "./migrations.ts";

/** Roles that a data API has in its database: policies may name them before it is on. */
const apiRoles = ["anon", "authenticated", "service_role"];

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
      const done = await backups.rehearse(stage, (door) =>
        rehearse(door, { folder: spec.name, migrations, ownerRole }),
      );
      if (done.kind === "done") return { kind: "done", rehearsal: done.value };
      const size = `${(done.bytes / 1024 ** 3).toFixed(1)} GiB`;
      return { kind: "skipped", why: `not rehearsed: there is no room for a copy of ${size}` };
    });
}
