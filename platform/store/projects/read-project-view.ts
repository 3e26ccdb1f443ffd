import type { PriceBook } from "../../spec/index.ts";
import type { Sql } from "../../sql/index.ts";
import { type Instance, instanceColumns } from "../instances/instance.ts";
import type { RepositoryRow } from "../repositories/index.ts";
import { type ProjectRow, projectColumns } from "./project.ts";

/** A project with everything that a reader of its databases sees, in one round trip: this is what the portal is asked most. */
export type ProjectView = {
  readonly project: ProjectRow;
  /** Of its repository: why nothing new is deployed from it. */
  readonly stall: Pick<RepositoryRow, "defaultBranch" | "stalledCode" | "stalledReason">;
  readonly priceBook: PriceBook | null;
  /** Without those that are removed. */
  readonly instances: readonly Instance[];
  /** Open differences between what runs and what is declared, by instance; one without any is missing. */
  readonly drift: Readonly<Record<string, number>>;
};

type Row = ProjectRow & Omit<ProjectView, "project" | "instances"> & { readonly instances: readonly Written[] };
/** As JSON has it. */
type Written = {
  readonly [K in keyof Instance]: Instance[K] extends Date
    ? string
    : Date extends Instance[K]
      ? string | null
      : Instance[K];
};

export async function readProjectView(sql: Sql, stack: string): Promise<ProjectView | undefined> {
  const row = await sql.maybe<Row>(
    `select p.*,
       (select json_build_object('defaultBranch', default_branch, 'stalledCode', stalled_code, 'stalledReason', stalled_reason)
        from repositories where id = p.repository) as stall,
       (select fleet -> 'priceBook' from fleets where repository = p.repository) as "priceBook",
       (select coalesce(json_agg(i), '[]') from (
          select ${instanceColumns} from instances where stack = $1 and phase <> 'Removed' order by id) i) as instances,
       (select coalesce(json_object_agg(instance, open), '{}') from (
          select instance, count(*) as open from drift_findings where stack = $1 and closed_at is null group by instance) d) as drift
     from (select ${projectColumns} from projects where stack = $1) p`,
    [stack],
  );
  if (row === undefined) return undefined;
  const { stall, priceBook, instances, drift, ...project } = row;
  return { project, stall, priceBook, instances: instances.map(toInstance), drift };
}

const toInstance = (written: Written): Instance => ({
  ...(written as unknown as Instance),
  createdAt: new Date(written.createdAt),
  updatedAt: new Date(written.updatedAt),
  retiredAt: dateOrNull(written.retiredAt),
  removedAt: dateOrNull(written.removedAt),
  purgeAfter: dateOrNull(written.purgeAfter),
});

const dateOrNull = (text: string | null): Date | null => (text === null ? null : new Date(text));
