import { hostname, userInfo } from "node:os";

/** Who works at this machine, for the audit. */
export function whoIs(): string {
  const login = process.env.SUDO_USER || nameOfUser();
  return `${login} on ${hostname()}`;
}

/** A container's user may have no name. */
function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}
