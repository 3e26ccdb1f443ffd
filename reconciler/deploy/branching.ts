import { type BackupSettings, type Backups, makeBackups, openStores } from "../../platform/backup/index.ts";
import type { MachineDriver } from "../../platform/compute/index.ts";
import type { Vault } from "../../platform/core/index.ts";
import type { MakeBranch, UpgradeInstance } from "../../platform/provider/index.ts";

/** Backups by a driver of this machine; undefined where nothing runs or nowhere is a store. */
export const backupsOf = (
  driver: MachineDriver | undefined,
  vault: Pick<Vault, "derive">,
  settings: BackupSettings | undefined,
): Backups | undefined =>
  driver === undefined || settings === undefined ? undefined : makeBackups({ driver, vault, ...openStores(settings) });

/** A branch is a copy of what runs, or a restore of its moment. */
const branchBy =
  (backups: Pick<Backups, "branch">): MakeBranch =>
  async (wanted, { source, at }) => {
    await backups.branch(wanted, at === null ? { of: source } : { of: source, at: new Date(at) });
  };

/** What effects do by backups: a branch's data, and another major version. Nothing where there are none. */
export const byBackups = (
  backups: Backups | undefined,
): { readonly makeBranch?: MakeBranch; readonly upgrade?: UpgradeInstance } =>
  backups === undefined ? {} : { makeBranch: branchBy(backups), upgrade: backups.upgrade };
