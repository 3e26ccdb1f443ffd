/** A real database for migrations, and how the worker comes into it: as the administrator, and as its owner. */
import type { InstanceWanted, MachineDriver } from "../../platform/compute/index.ts";
import {
  type Applied,
  type ApplyInput,
  applyMigrations,
  type Door,
  type Migration,
  readMigration,
} from "../../platform/migrations/index.ts";
import { asTenant, makeGround, wish } from "../compute/ground.ts";

export type Files = Readonly<Record<string, string>>;

export const readAll = (files: Files): Promise<readonly Migration[]> =>
  Promise.all(
    Object.entries(files).map(([file, text]) =>
      readMigration({ file, text, path: `tenants/acme/shop/orders/migrations/${file}.sql` }),
    ),
  );

export const withDoor = <T>(
  driver: MachineDriver,
  wanted: InstanceWanted,
  body: (door: Door) => Promise<T>,
): Promise<T> =>
  driver.machinery.admin(wanted.id, wanted.databaseName, (admin) =>
    body({ admin, asOwner: (ask) => asTenant(driver, wanted, ask) }),
  );

export async function makeMigrated() {
  const ground = await makeGround({ spares: 0 });
  const { driver } = ground;
  const wanted = await wish();
  await driver.ensure(wanted);
  let fence = 0;
  return {
    ...{ driver, wanted, dataDir: ground.dataDir, clear: ground.clear },
    door: <T>(body: (door: Door) => Promise<T>) => withDoor(driver, wanted, body),
    tenant: <T>(text: string): Promise<readonly T[]> => asTenant(driver, wanted, (sql) => sql.query<T>(text)),
    async apply(files: Files, more: Partial<ApplyInput> = {}): Promise<Applied> {
      const migrations = await readAll(files);
      return withDoor(driver, wanted, (door) =>
        applyMigrations(door, {
          ...{ folder: "orders", migrations, ownerRole: wanted.ownerRole, scope: "acme.shop", fence: ++fence },
          ...{ commit: "c".repeat(40), operation: `op_${fence}` },
          ...more,
        }),
      );
    },
  };
}
