import { ComponentResource, type ComponentResourceOptions, type Output, output } from "@pulumi/pulumi";
import { type DatabaseSpec, type ProjectSpec, stackName } from "../spec/index.ts";
import { type DatabaseOutputs, NebulaDatabase } from "./database.ts";
import { placementMissing } from "./errors.ts";

/**
 * A tenant's project: one stack. Names are those of the spec, so that the same spec gives the same URNs for ever.
 * A database is protected until it is retired: Pulumi itself then refuses to delete or replace it, before any provider is asked.
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
    const made = spec.databases.map((database) => {
      const inputs = { tenant, project, placement, region, ...database };
      return [database.name, outputsOf(new NebulaDatabase(database.name, inputs, optionsOf(this, database)))] as const;
    });
    this.databases = output(Object.fromEntries(made));
    this.registerOutputs({ databases: this.databases });
  }
}

const optionsOf = (parent: Project, { retire }: DatabaseSpec) => ({ parent, protect: !retire });

const outputsOf = ({ host, port, database, owner, credentialRef }: NebulaDatabase): Output<DatabaseOutputs> =>
  output({ host, port, database, owner, credentialRef });
