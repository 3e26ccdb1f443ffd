import { defineError } from "../core/index.ts";

export const objectMissing = defineError({
  code: "NEB410",
  status: 404,
  title: "Not in the object store",
  retry: false,
  hint: "It was never stored, has expired, or was taken away by somebody: `nebula backup check` says what else is missing.",
});

export const storeUnavailable = defineError({
  code: "NEB411",
  status: 503,
  title: "Object store not usable",
  retry: true,
  hint: "Look at NEBULA_BACKUP_STORE, its credentials, the network and the space that is left; it is tried again by itself.",
});

export const storeMisnamed = defineError({
  code: "NEB412",
  status: 422,
  title: "Not the address of an object store",
  retry: false,
  hint: "A folder (`/var/backups/nebula`), or `s3://bucket/prefix?endpoint=https://host&region=eu-1&pathStyle=true`.",
});

export const sealedDamaged = defineError({
  code: "NEB413",
  status: 422,
  title: "A stored piece is damaged",
  retry: false,
  hint: "It was changed, cut off, renamed, or sealed by another installation. The other location may have a whole one.",
});
