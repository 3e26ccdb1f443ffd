import { diffProject } from "../spec/index.ts";
import type { DatabaseInputs } from "./effects.ts";
import { specOf } from "./inputs.ts";

export type PropertyChange = {
  /** A path as Pulumi writes it: `compute.maxUnits`, `tags["team"]`. */
  readonly path: string;
  readonly kind: "add" | "update" | "delete";
  readonly replaces: boolean;
};

/** What cannot change without another database taking its place. The plan blocks that before it comes here. */
const identity = ["engine", "name", "placement", "region", "tenant", "project"];

/** Every property that differs, each by its own path. */
export function diffInputs(from: DatabaseInputs, to: DatabaseInputs): readonly PropertyChange[] {
  const places = ["tenant", "project", "placement", "region"] as const;
  const place = places.filter((name) => from[name] !== to[name]).map((name) => change(name, from[name], to[name]));
  if (from.name !== to.name) return [...place, change("name", from.name, to.name)];
  return [...place, ...diffSpecs(from, to)];
}

function diffSpecs(from: DatabaseInputs, to: DatabaseInputs): PropertyChange[] {
  const around = { tenant: "t", project: "p", placement: "local", region: "r", quota: null } as const;
  const { databases } = diffProject({ ...around, databases: [specOf(from)] }, { ...around, databases: [specOf(to)] });
  return databases.flatMap((database) =>
    database.kind === "changed" ? database.changes.map((one) => change(one.path, one.from, one.to)) : [],
  );
}

function change(path: string, from: unknown, to: unknown): PropertyChange {
  const kind = from === null ? "add" : to === null ? "delete" : "update";
  return { path: pulumiPath(path), kind, replaces: identity.includes(path) };
}

/** Roles are a list in the inputs and compared by name: the whole list is named. Keys of a user's own are quoted. */
function pulumiPath(path: string): string {
  const [head = path, ...rest] = path.split(".");
  if (head === "roles") return "roles";
  if ((head === "tags" || head === "migrations") && rest.length > 0)
    return `${head}[${JSON.stringify(rest.join("."))}]`;
  return path;
}
