import { access, constants, statfs } from "node:fs/promises";
import { integer } from "./config.ts";
import { type Check, programMissing, roomLow } from "./health.ts";

export const healthFields = {
  /** Less free room than that in the data folder's file system is told. */
  NEBULA_DISK_FREE_PERCENT: integer(5),
};

/** Whether the file system of a folder has room. Nobody stops for it: what can still be done is done. */
export const roomCheck = (folder: string, leastPercent: number): Check => ({
  name: "disk",
  needed: false,
  async ask() {
    const { bavail, blocks } = await statfs(folder);
    const percent = blocks === 0 ? 100 : (100 * bavail) / blocks;
    if (percent < leastPercent) throw roomLow(`${percent.toFixed(1)} % free, ${leastPercent} % wanted`);
  },
});

/** Whether a program is there and may be run. */
export const programCheck = (name: string, path: string): Check => ({
  name,
  needed: false,
  async ask() {
    await access(path, constants.X_OK).catch((cause: unknown) => {
      throw programMissing(`${path} cannot be run`, { cause });
    });
  },
});
