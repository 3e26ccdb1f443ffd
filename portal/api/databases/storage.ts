import { z } from "zod";
import { type Instance, storageLevel } from "../../../platform/store/index.ts";

/** How full a database is, as the API says it. */
export const storage = z
  .strictObject({
    usedBytes: z.int().describe("What counts against its storage: its data, without its log and temporary files."),
    limitBytes: z.int().describe("As deployed."),
    percent: z.number(),
    mode: z
      .enum(["writable", "read-only", "closed"])
      .describe("read-only: it is full. closed: it grew on all the same, and takes no write from anybody."),
  })
  .nullable()
  .describe("As last measured; null: nobody has measured it yet.");

export const conditions = z
  .array(
    z.strictObject({
      type: z.enum(["StorageNearlyFull", "StorageFull"]),
      severity: z.enum(["warning", "critical"]),
      message: z.string(),
    }),
  )
  .describe("What somebody should see to. Empty when all is well.");

type Measured = Pick<Instance, "id" | "spec" | "phase" | "storageUsedBytes" | "storageMode">;

export function storageOf(instance: Measured | null): z.input<typeof storage> {
  if (instance === null || instance.phase === "Removed" || instance.storageUsedBytes === null) return null;
  const { storageUsedBytes: usedBytes, storageMode, spec } = instance;
  const limitBytes = spec.storageBytes;
  return { usedBytes, limitBytes, percent: percentOf(usedBytes, limitBytes), mode: storageMode ?? "writable" };
}

export function conditionsOf(instance: Measured | null): z.input<typeof conditions> {
  const seen = storageOf(instance);
  if (seen === null || instance === null) return [];
  const says = `it uses ${seen.percent} % of its storage`;
  const more = `\`nebula db expand ${instance.id.replaceAll(".", "/")} SIZE\` opens a pull request for more`;
  switch (storageLevel(instance, seen.limitBytes)) {
    case "ok":
      return [];
    case "nearly full":
      return [{ type: "StorageNearlyFull", severity: "warning", message: `${says}; ${more}` }];
    case "almost full":
      return [
        { type: "StorageNearlyFull", severity: "critical", message: `${says}; at 100 % it becomes read-only; ${more}` },
      ];
    case "full": {
      const message = `${says} and is read-only; to delete, a session sets default_transaction_read_only off; ${more}`;
      return [{ type: "StorageFull", severity: "critical", message }];
    }
    case "closed":
      return [
        { type: "StorageFull", severity: "critical", message: `${says} and takes no write from anybody; ${more}` },
      ];
  }
}

const percentOf = (used: number, limit: number): number => Math.round((1000 * used) / limit) / 10;
