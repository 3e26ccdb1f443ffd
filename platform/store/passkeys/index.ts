export {
  findPasskey,
  insertPasskey,
  listPasskeys,
  type Passkey,
  removePasskey,
  renamePasskey,
  usePasskey,
} from "./passkeys.ts";
