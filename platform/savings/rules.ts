import type { Meter } from "../pricing/index.ts";
import { type DatabaseSpec, formatDurationSeconds } from "../spec/index.ts";
import type { Activity } from "../store/index.ts";

/** One database as the rules see it. */
export type Looked = {
  readonly spec: DatabaseSpec;
  readonly activity: Activity;
  /** Since it was made. */
  readonly ageDays: number;
  /** Its machine holds it to its units; where not, it is billed its `max` whatever it does. */
  readonly enforced: boolean;
  readonly paused: boolean;
  /** The least that the fleet's policies allow. */
  readonly minRetentionSeconds: number;
};

/** What a rule found: what goes away, in the meters' units over the time that was looked at. */
export type Finding = {
  readonly why: string;
  readonly saves: readonly { readonly meter: Meter; readonly quantity: number }[];
  /** Options of the declaration, as `nebula db change` takes them; "delete": its declaration goes. */
  readonly change:
    | { readonly kind: "change"; readonly options: Readonly<Record<string, unknown>> }
    | { readonly kind: "delete" };
};

export type Rule = {
  readonly id: string;
  readonly title: string;
  readonly look: (of: Looked) => Finding | null;
};

const dayHours = 24;
/** Less than so much history says nothing. */
const leastHours = 7 * dayHours;
const step = 0.25;
const sleepAfter = "5m";
const dayS = 86_400;

export const rules: readonly Rule[] = [
  {
    id: "never-sleeps",
    title: "It is awake while nobody uses it",
    look: ({ spec, activity, paused }) => {
      const { suspendAfterSeconds } = spec.compute;
      const idle = activity.unitSeconds === 0 ? 0 : activity.idleUnitSeconds / activity.unitSeconds;
      if (paused || activity.hours < leastHours || idle < 0.2) return null;
      if (suspendAfterSeconds > 0 && suspendAfterSeconds <= 3_600) return null;
      const now =
        suspendAfterSeconds === 0 ? "never sleeps" : `sleeps after ${formatDurationSeconds(suspendAfterSeconds)}`;
      return {
        why: `It ${now}, and ${Math.round(100 * idle)} % of its compute was in hours without a connection or an answer. Asleep it is woken by the first connection.`,
        saves: [{ meter: "compute_unit_seconds", quantity: activity.idleUnitSeconds }],
        change: { kind: "change", options: { compute: { suspendAfter: sleepAfter } } },
      };
    },
  },
  {
    id: "oversized",
    title: "Its smallest size is more than it uses",
    look: ({ spec, activity, enforced, paused }) => {
      const { minUnits } = spec.compute;
      if (!enforced || paused || activity.hours < leastHours || activity.awakeHours < 24 || minUnits <= step)
        return null;
      // It was never given more than its least, not in its busiest hour.
      if (activity.peakUnits > minUnits * 1.02) return null;
      const smaller = Math.max(step, Math.floor(minUnits / 2 / step) * step);
      return {
        why: `In its busiest hour it had ${roundUnits(activity.peakUnits)} units, which is its least. With a least of ${smaller} it grows to what it needs all the same.`,
        saves: [{ meter: "compute_unit_seconds", quantity: activity.unitSeconds * (1 - smaller / minUnits) }],
        change: { kind: "change", options: { compute: { min: smaller } } },
      };
    },
  },
  {
    id: "unused-branch",
    title: "A branch that nobody uses",
    look: ({ spec, activity, ageDays }) => {
      if (spec.branch === undefined || spec.branch.pull !== undefined || ageDays < 14) return null;
      if (activity.connectionSeconds > 0 || activity.awakeHours > 1) return null;
      return {
        why: `Nobody connected to it in the last ${Math.floor(activity.hours / dayHours)} days. It is a copy of ${spec.branch.of}; a final copy is kept for a day.`,
        saves: [
          { meter: "branch_storage_byte_hours", quantity: activity.storageByteHours },
          { meter: "compute_unit_seconds", quantity: activity.unitSeconds },
        ],
        change: { kind: "delete" },
      };
    },
  },
  {
    id: "old-backups",
    title: "Backups are kept for long",
    look: ({ spec, activity, minRetentionSeconds }) => {
      const { retentionSeconds } = spec.backups;
      const wanted = Math.max(30 * dayS, Math.ceil(minRetentionSeconds / dayS) * dayS);
      if (retentionSeconds <= wanted || activity.backupByteHours === 0) return null;
      return {
        why: `They are kept for ${formatDurationSeconds(retentionSeconds)}. With ${formatDurationSeconds(wanted)} there is no restore to a time before that; backups grow with the time they are kept, about in proportion.`,
        saves: [{ meter: "backup_byte_hours", quantity: activity.backupByteHours * (1 - wanted / retentionSeconds) }],
        change: { kind: "change", options: { backups: { retention: formatDurationSeconds(wanted) } } },
      };
    },
  },
];

const roundUnits = (units: number): number => Math.round(units * 100) / 100;
