import { restartsBetween, type Shape } from "../../platform/compute/index.ts";
import type { DatabaseSpec } from "../../platform/spec/index.ts";

/**
 * The settings for whose sake the local driver restarts a server when one option changes: asked of the driver's own settings,
 * so that the plan and the machine cannot disagree.
 */
export function localRestarts(previous: DatabaseSpec, next: DatabaseSpec, path: string): readonly string[] {
  const [before, after] = [shapeOf(previous), shapeOf(next)];
  if (path.startsWith("compute.")) return restartsBetween(before, { ...before, units: after.units });
  const extension = /^extensions\[(.*)\]$/.exec(path)?.[1];
  if (extension === undefined) return [];
  return restartsBetween(before, { ...before, extensions: [...before.extensions, extension].sort() });
}

const shapeOf = ({ compute, extensions }: DatabaseSpec): Shape => ({
  units: compute.maxUnits,
  extensions,
});
