/**
 * The pictures on buttons: strokes on a grid of 24, in the colour of the text beside them.
 *
 * @module
 */

import { html, type SVGTemplateResult, svg, type TemplateResult } from "lit";

function icon(path: SVGTemplateResult): TemplateResult {
  return html`<svg
    width="20"
    height="20"
    viewBox="0 0 24 24"
    fill="none"
    stroke="currentColor"
    stroke-width="1.8"
    stroke-linecap="round"
    stroke-linejoin="round"
    aria-hidden="true"
    focusable="false"
  >
    ${path}
  </svg>`;
}

/** Causerie's own picture. It is in the script: the page may lose its server, or be somebody else's. */
export const logo = html`<svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
  <rect width="32" height="32" rx="8" fill="#4055c8" />
  <path
    d="M8 12.5C8 9.46 10.46 7 13.5 7h5a5.5 5.5 0 0 1 0 11H14l-4.2 3.4c-.5.4-1.2 0-1.2-.6z"
    fill="#fff"
  />
  <circle cx="21.5" cy="23" r="2.5" fill="#8fe3b4" />
</svg>`;

export const hash = icon(svg`<path d="M9.5 4 7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16" />`);
export const lock = icon(
  svg`<rect x="5" y="11" width="14" height="9" rx="2" /><path d="M8 11V8a4 4 0 0 1 8 0v3" />`,
);
export const people = icon(
  svg`<circle cx="9" cy="8" r="3.5" /><path d="M2.5 19.5c.6-3.4 3-5.2 6.5-5.2s5.9 1.8 6.5 5.2M16 5a3.3 3.3 0 0 1 0 6.2M18 14.8c2 .7 3.2 2.3 3.6 4.7" />`,
);
export const plus = icon(svg`<path d="M12 5v14M5 12h14" />`);
export const close = icon(svg`<path d="m6 6 12 12M18 6 6 18" />`);
export const menu = icon(svg`<path d="M4 7h16M4 12h16M4 17h16" />`);
export const reply = icon(svg`<path d="M9.5 6 4 11.5 9.5 17M4.5 11.5H14a6 6 0 0 1 6 6V19" />`);
export const retry = icon(svg`<path d="M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 4v4.5H15" />`);
export const send = icon(svg`<path d="M5 12 4 5l16.5 7L4 19zM5 12h7" />`);
export const smile = icon(
  svg`<circle cx="12" cy="12" r="8.5" /><path d="M8.5 14.2c1.7 2.3 5.3 2.3 7 0M9 9.7v.1M15 9.7v.1" />`,
);
export const down = icon(svg`<path d="m6 10 6 6 6-6" />`);
export const link = icon(
  svg`<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1" />`,
);
export const wire = icon(
  svg`<path d="M3 8h13.5M13 4.5 16.5 8 13 11.5M21 16H7.5M11 12.5 7.5 16l3.5 3.5" />`,
);
export const cog = icon(
  svg`<path d="M4 7h9M18.5 7H20M4 17h1.5M11 17h9" /><circle cx="15.7" cy="7" r="2.5" /><circle cx="8.3" cy="17" r="2.5" />`,
);
