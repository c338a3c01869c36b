/** What the parts of the wire panel have in common. @module */

import { css } from "lit";

/** Prose, and boxes of what a machine reads. */
export const lesson = css`
  :host {
    display: block;
  }

  p {
    margin: var(--space-2) 0;
    color: var(--text-soft);
    line-height: 1.5;
  }

  pre {
    overflow-x: auto;
    margin: var(--space-2) 0;
    padding: var(--space-2);
    border-radius: var(--radius);
    background: var(--surface-sunken);
    font-family: var(--mono);
    font-size: var(--type-tiny);
    line-height: 1.5;
    overflow-wrap: anywhere;
    white-space: pre-wrap;
  }

  pre b {
    color: var(--accent);
  }
`;
