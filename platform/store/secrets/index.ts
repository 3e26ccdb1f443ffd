export { deleteSecret, getSecret, listSecretNames, putSecret } from "./secrets.ts";
