import type { InstanceObserved, InstanceWanted } from "../compute/index.ts";
import type { Sql } from "../sql/index.ts";
import { appendEvent, operationOf } from "../store/index.ts";
import type { DirectOptions, EffectScope } from "./direct.ts";
import type { DatabaseInputs } from "./effects.ts";
import { upgradeUnavailable } from "./errors.ts";

/** Brings the data of an instance to another major version, or leaves it as it was. Told what is done next. */
export type UpgradeInstance = (
  wanted: Pick<InstanceWanted, "id" | "version">,
  how: {
    readonly keep: { readonly retentionSeconds: number; readonly pitr: boolean } | null;
    readonly say: (step: string) => void;
  },
) => Promise<void>;

/** What is there in another version than the declared one is upgraded before anything else is done to it. */
export async function upgradeFirst(
  { sql, upgrade, driver }: Pick<DirectOptions, "sql" | "upgrade" | "driver">,
  scope: EffectScope,
  wanted: InstanceWanted,
  { backups, retire }: DatabaseInputs,
): Promise<void> {
  const seen: InstanceObserved | undefined = retire ? undefined : await driver.observe(wanted.id);
  if (seen === undefined || seen.version === wanted.version) return;
  if (upgrade === undefined)
    throw upgradeUnavailable(`${wanted.id} is version ${seen.version}, and nothing here makes it ${wanted.version}`);
  const keep = backups.retentionSeconds > 0 ? { ...backups } : null;
  await upgrade(wanted, { keep, say: (step) => void announce(sql, scope, `${wanted.id}: ${step}`) });
}

/** Beside the transaction that holds the fence: it is read while the upgrade is still at work. */
async function announce(sql: Sql, { stack, fence }: EffectScope, message: string): Promise<void> {
  const operation = await operationOf(sql, stack).catch(() => undefined);
  if (operation === undefined) return;
  await appendEvent(sql, operation, { phase: "upgrade", message, fence }).catch(() => undefined);
}
