/** Which moment is wanted, which backup leads there, and whether the log does. Pure, besides the types. */
import type { Base, Index } from "./catalog.ts";
import { logGap, targetOutside } from "./errors.ts";
import { gapsIn, lsnNumber, numberOf, segmentAt, segmentBytes, timelineOf } from "./log-names.ts";

export type Target =
  /** Everything that was committed up to then, and nothing later. */
  | { readonly kind: "time"; readonly at: Date }
  /** Everything before that place in the log. */
  | { readonly kind: "lsn"; readonly lsn: string }
  /** A mark in the log (`restore_points` in the ledger). */
  | { readonly kind: "point"; readonly name: string; readonly lsn: string }
  /** A backup as it was taken, without more of the log than it needs. */
  | { readonly kind: "backup"; readonly label: string }
  | { readonly kind: "latest" };

/** The moments that can be restored: from the first backup to what is stored; undefined while there is no backup. */
export type Window = { readonly from: Date; readonly to: Date };

export function windowOf({ bases, coveredTo, pitr }: Index): Window | undefined {
  const [first, last] = [bases[0], bases.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const from = new Date(first.endedAt);
  const ended = new Date(last.endedAt);
  const to = pitr && coveredTo !== null && new Date(coveredTo) > ended ? new Date(coveredTo) : ended;
  return { from, to };
}

/** The newest backup that was whole before the target. @throws NEB414 naming what can be restored */
export function chooseBase(id: string, index: Index, target: Target): Base {
  const window = windowOf(index);
  if (window === undefined)
    throw targetOutside(`${id} has no backup yet`, { hint: "The first one is taken some minutes after the creation." });
  const said = `${id} can be restored to any moment from ${window.from.toISOString()} to ${window.to.toISOString()}`;
  const found = index.bases.findLast((base) => leadsTo(base, index, target));
  if (found === undefined) throw targetOutside(`${said}, and not to ${nameOf(target)}`, { fields: { window } });
  if (target.kind === "time" && target.at > window.to)
    throw targetOutside(`${said}, and not to ${nameOf(target)}`, { fields: { window } });
  return found;
}

function leadsTo(base: Base, { last, pitr }: Index, target: Target): boolean {
  switch (target.kind) {
    case "time":
      return new Date(base.endedAt) <= target.at;
    case "lsn":
    case "point":
      return pitr && lsnNumber(base.stopLsn) <= lsnNumber(target.lsn) && endsAfter(last, target.lsn);
    case "backup":
      return base.label === target.label;
    case "latest":
      return true;
  }
}

/**
 * Where to begin on the way to a base. An incremental backup saves replaying the log between it and what it is on top of, and costs being
 * read and laid over that: where it is nearly as large as that log, the log is the shorter way.
 */
export function shortcutTo(base: Base, { bases, pitr }: Pick<Index, "bases" | "pitr">, target: Target): Base {
  const parent = bases.find(({ label }) => label === base.parent);
  if (!pitr || target.kind === "backup" || parent === undefined || parent.timeline !== base.timeline) return base;
  const logBytes = lsnNumber(base.startLsn) - lsnNumber(parent.startLsn);
  return logBytes > 2n * BigInt(base.tar.plainBytes) ? base : shortcutTo(parent, { bases, pitr }, target);
}

const endsAfter = (last: string | null, lsn: string): boolean =>
  last !== null && BigInt(numberOf(last) + 1) * BigInt(segmentBytes) > lsnNumber(lsn);

export function nameOf(target: Target): string {
  switch (target.kind) {
    case "time":
      return target.at.toISOString();
    case "lsn":
      return target.lsn;
    case "point":
      return `${target.name} at ${target.lsn}`;
    case "backup":
      return target.label;
    case "latest":
      return "the newest moment";
  }
}

/** The last segment that a target needs for certain; later ones may be needed for a time. */
export function lastNeeded(base: Base, { last, pitr }: Index, target: Target): string | null {
  if (target.kind === "backup" || !pitr) return segmentAt(base.timeline, base.stopLsn);
  if (target.kind === "lsn" || target.kind === "point") return segmentAt(base.timeline, target.lsn);
  return target.kind === "latest" ? last : segmentAt(base.timeline, base.stopLsn);
}

/** @throws NEB415 naming the first part that is missing between two */
export function mustBeUnbroken(names: readonly string[], base: Base, to: string): void {
  const from = segmentAt(base.timeline, base.startLsn);
  const missing = gapsIn(names, numberOf(from), numberOf(to))[0];
  if (missing === undefined) return;
  throw logGap(`the log lacks part ${missing} of timeline ${timelineOf(to)}, between ${from} and ${to}`, {
    fields: { missing },
  });
}

/** Postgres's words for where recovery ends. */
export function recoverySettings(target: Target): Readonly<Record<string, string>> {
  const until = { recovery_target_action: "promote", recovery_target_inclusive: "on" };
  switch (target.kind) {
    case "time":
      return { ...until, recovery_target_time: target.at.toISOString().replace("T", " ").replace("Z", "+00") };
    case "lsn":
    case "point":
      // a mark's name may be there twice (an operation that was tried again); its place is there once
      return { ...until, recovery_target_lsn: target.lsn, recovery_target_inclusive: "off" };
    case "backup":
      return { recovery_target_action: "promote", recovery_target: "immediate" };
    case "latest":
      return {};
  }
}
