import "./elements/causerie-chat.js";
