import { restartsBetween, type Shape } from "../../platform/compute/index.ts";
import type { DatabaseSpec } from "../../platform/spec/index.ts";

/**
 * The settings for whose sake the local driver restarts a server when one option changes: asked of the driver's own settings,
 * so that the plan and the machine cannot disagree.
 */
export function localRestarts(previous: DatabaseSpec, next: DatabaseSpec, path: string): readonly string[] {
  const [before, after] = [shapeOf(previous), shapeOf(next)];
  if (path.startsWith("compute.")) return restartsBetween(before, { ...before, units: after.units });
  if (path === "replicas") return restartsBetween(before, { ...before, replicas: after.replicas ?? 0 });
  const extension = /^extensions\[(.*)\]$/.exec(path)?.[1];
  if (extension === undefined) return [];
  return restartsBetween(before, { ...before, extensions: [...before.extensions, extension].sort() });
}

const shapeOf = ({ compute, extensions, replicas }: DatabaseSpec): Shape => ({
  units: compute.maxUnits,
  ...{ extensions, replicas },
});
