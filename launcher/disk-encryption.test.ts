import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { diskEncryption } from "./disk-encryption.ts";

const home = mkdtempSync(join(tmpdir(), "ndb-disk-"));
afterAll(() => rmSync(home, { recursive: true, force: true }));

let n = 0;
/** A machine whose one disk is what the layers say, from the mount down. */
function machine(type: string, layers: readonly { readonly name: string; readonly uuid?: string }[]) {
  const sys = join(home, `sys${n++}`);
  let at = join(sys, "dev", "block", "253:7");
  for (const [i, { name, uuid }] of layers.entries()) {
    mkdirSync(at, { recursive: true });
    writeFileSync(join(at, "uevent"), `MAJOR=253\nDEVNAME=${name}\n`);
    if (uuid !== undefined) {
      mkdirSync(join(at, "dm"));
      writeFileSync(join(at, "dm", "uuid"), `${uuid}\n`);
    }
    if (i < layers.length - 1) at = join(at, "slaves", layers[i + 1]?.name ?? "");
  }
  const mounts = join(home, `mounts${n}`);
  writeFileSync(mounts, `20 1 0:1 / / rw - overlay overlay rw\n21 1 253:7 / ${home} rw,relatime - ${type} /dev/x rw\n`);
  return diskEncryption(home, { sys, mounts });
}

test("dm-crypt is found, also under a volume manager", async () => {
  const crypt = "CRYPT-LUKS2-abc-root";
  expect(await machine("ext4", [{ name: "dm-0", uuid: crypt }])).toEqual({ state: "encrypted", by: "CRYPT-LUKS2" });
  expect(
    await machine("xfs", [
      { name: "dm-1", uuid: "LVM-xyz" },
      { name: "dm-0", uuid: crypt },
    ]),
  ).toMatchObject({
    state: "encrypted",
  });
});

test("a plain disk is said to be plain, unless a host may do what cannot be seen from inside", async () => {
  const found = await machine("ext4", [{ name: "mmcblk0p2" }]);
  expect(found).toEqual({ state: "clear", device: "mmcblk0p2" });
  expect((await machine("ext4", [{ name: "dm-1", uuid: "LVM-xyz" }, { name: "mmcblk0p1" }])).state).toBe("clear");
});

test("what shows no disk is not known", async () => {
  expect(await machine("zfs", [])).toMatchObject({ state: "unknown" });
});
