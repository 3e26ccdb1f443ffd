/** Whether the disk under a folder is encrypted, as far as this machine can tell. Reads; runs nothing but a system's own question. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { run } from "./toolchain/programs.ts";

export type DiskEncryption =
  | { readonly state: "encrypted"; readonly by: string }
  | { readonly state: "clear"; readonly device: string }
  /** A volume of a cloud, of a host, or of a file system that keeps it to itself. */
  | { readonly state: "unknown"; readonly why: string };

/** @param sys, mounts Linux's own files; others in tests. */
export async function diskEncryption(
  folder: string,
  { sys = "/sys", mounts = "/proc/self/mountinfo" }: { readonly sys?: string; readonly mounts?: string } = {},
): Promise<DiskEncryption> {
  if (process.platform === "darwin") return fileVault();
  if (!existsSync(mounts)) return { state: "unknown", why: "this system does not say what a folder lies on" };
  const mount = mountOf(readFileSync(mounts, "utf8"), statSync(folder).dev, folder);
  if (mount === undefined) return { state: "unknown", why: `${folder} is in no mount that is shown` };
  if (mount.type === "ecryptfs" || mount.type.startsWith("fuse.gocryptfs"))
    return { state: "encrypted", by: mount.type };
  const block = join(sys, "dev", "block", mount.device);
  if (!existsSync(block)) return { state: "unknown", why: `it is a ${mount.type}, which shows no disk` };
  const layer = encryptedLayer(block);
  if (layer !== undefined) return { state: "encrypted", by: layer };
  const name = readFileSync(join(block, "uevent"), "utf8").match(/^DEVNAME=(.*)$/m)?.[1] ?? mount.device;
  return /^(vd|xvd|nvme\d+n|sd)/.test(name) && isVirtual(sys)
    ? { state: "unknown", why: `${name} is a virtual machine's disk; its host may encrypt it` }
    : { state: "clear", device: name };
}

type Mount = { readonly device: string; readonly type: string };

/** The longest mount point above the folder; a folder's own device number decides between several. */
function mountOf(text: string, dev: number, folder: string): Mount | undefined {
  const own = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
  const found = text.split("\n").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const [, , device = "", , point = ""] = before.split(" ");
    const place = point.replaceAll(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    const isAbove = place === "/" || folder === place || folder.startsWith(`${place}/`);
    return isAbove && device !== "" ? [{ device, type: after.split(" ")[0] ?? "", place }] : [];
  });
  const longest = found.sort((a, b) => b.place.length - a.place.length);
  return longest.find(({ device }) => device === own) ?? longest[0];
}

/** dm-crypt says so in its name for the kernel; it may lie under LVM, which lies under the mount. */
function encryptedLayer(block: string): string | undefined {
  const uuid = join(block, "dm", "uuid");
  const kind = existsSync(uuid) ? readFileSync(uuid, "utf8").trim() : "";
  if (kind.startsWith("CRYPT-")) return kind.split("-").slice(0, 2).join("-");
  const parents = ["slaves"].flatMap((name) => {
    const folder = join(block, name);
    return existsSync(folder) ? readdirSync(folder).map((one) => join(folder, one)) : [];
  });
  const layers = parents.map(encryptedLayer);
  return layers.length > 0 && layers.every((one) => one !== undefined) ? layers[0] : undefined;
}

const isVirtual = (sys: string): boolean => {
  const file = join(sys, "class", "dmi", "id", "product_name");
  const flags = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  return (
    /\bhypervisor\b/.test(flags) || (existsSync(file) && /virtual|kvm|vmware|hvm/i.test(readFileSync(file, "utf8")))
  );
};

async function fileVault(): Promise<DiskEncryption> {
  const { stdout } = await run("/usr/bin/fdesetup", ["status"], { timeoutMs: 10_000 });
  if (/FileVault is On/.test(stdout)) return { state: "encrypted", by: "FileVault" };
  return /FileVault is Off/.test(stdout)
    ? { state: "clear", device: "the system's disk" }
    : { state: "unknown", why: "fdesetup does not answer" };
}
