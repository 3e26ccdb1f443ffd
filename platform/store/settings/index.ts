export { getSetting } from "./get-setting.ts";
export { putSetting } from "./put-setting.ts";
