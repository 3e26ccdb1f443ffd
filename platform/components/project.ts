import { ComponentResource, type ComponentResourceOptions, type Output, output } from "@pulumi/pulumi";
import { type DatabaseSpec, type ProjectSpec, stackName } from "../spec/index.ts";
import { type DatabaseOutputs, NebulaDatabase } from "./database.ts";
import { placementMissing } from "./errors.ts";

/**
 * A tenant's project: one stack. Names are those of the spec, so that the same spec gives the same URNs for ever.
 * A database is protected until it is retired: Pulumi itself then refuses to delete or replace it, before any provider is asked.
 * A branch is not: it is a copy, and goes with its file.
 */
export class Project extends ComponentResource {
  static readonly token = "nebula:platform:Project";

  /** By database name. */
  readonly databases: Output<Readonly<Record<string, DatabaseOutputs>>>;

  constructor(spec: ProjectSpec, options?: ComponentResourceOptions) {
    super(Project.token, stackName(spec.tenant, spec.project), {}, options);
    if (spec.placement !== "local")
      throw placementMissing(`${spec.tenant}.${spec.project}: no provider deploys to ${spec.placement} yet`);
    const { tenant, project, placement, region } = spec;
    const made = new Map<string, NebulaDatabase>();
    // A branch comes after what it is a copy of: those are never branches themselves.
    for (const database of [...spec.databases].sort((a, b) => Number(isBranch(a)) - Number(isBranch(b)))) {
      const inputs = { tenant, project, placement, region, ...database };
      const parent = made.get(database.branch?.of ?? "");
      made.set(database.name, new NebulaDatabase(database.name, inputs, optionsOf(this, database, parent)));
    }
    const outputs = [...made].map(([name, database]) => [name, outputsOf(database)] as const);
    this.databases = output(Object.fromEntries(outputs));
    this.registerOutputs({ databases: this.databases });
  }
}

const isBranch = ({ branch }: DatabaseSpec): boolean => branch !== undefined;

const optionsOf = (parent: Project, database: DatabaseSpec, source: NebulaDatabase | undefined) => ({
  ...{ parent, protect: !database.retire && !isBranch(database) },
  ...(source === undefined ? {} : { dependsOn: source }),
});

const outputsOf = ({ host, database, owner, credentialRef }: NebulaDatabase): Output<DatabaseOutputs> =>
  output({ host, database, owner, credentialRef });
