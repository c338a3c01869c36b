/**
 * The look in one place: colours for light and dark, distances, sizes of type.
 *
 * The root element sets `color-scheme`; everything below chooses by `light-dark()`, so that the
 * choice of a theme is one property.
 *
 * @module
 */

import { css } from "lit";

/** Custom properties, for the root's `:host`; they are inherited into every element below. */
export const tokens = css`
  :host {
    --surface: light-dark(#ffffff, #14161b);
    --surface-sunken: light-dark(#f5f6f8, #0f1115);
    --surface-raised: light-dark(#ffffff, #1d2027);
    --surface-hover: light-dark(#eef0f4, #22262e);
    --surface-active: light-dark(#e4e8fb, #2a3052);
    --line: light-dark(#e3e5ea, #2a2e37);
    --line-strong: light-dark(#8a90a0, #727a8c);
    --text: light-dark(#1b1e25, #e8eaef);
    --text-soft: light-dark(#565c6b, #a6adbb);
    --text-faint: light-dark(#666d7d, #949cac);
    --accent: light-dark(#4055c8, #8fa2ff);
    --accent-strong: light-dark(#34479f, #aab8ff);
    --on-accent: light-dark(#ffffff, #10142b);
    --private: light-dark(#8235a8, #d79bf2);
    --private-soft: light-dark(#faf2fd, #2a1c33);
    --good: light-dark(#16794a, #5fd39a);
    --good-dot: light-dark(#1fa463, #4cc88a);
    --warn: light-dark(#8f5a00, #f0b95a);
    --bad: light-dark(#b3261e, #ff8f86);
    --bad-dot: light-dark(#d93a30, #ff6f64);
    --bad-soft: light-dark(#fdeeed, #3a1d1c);
    --shadow: 0 6px 24px light-dark(rgb(20 24 40 / 14%), rgb(0 0 0 / 50%));

    --space-1: 0.25rem;
    --space-2: 0.5rem;
    --space-3: 0.75rem;
    --space-4: 1rem;
    --space-5: 1.5rem;
    --space-6: 2rem;

    --radius: 8px;
    --radius-large: 14px;

    --font: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", sans-serif;
    --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
    --type-tiny: 0.75rem;
    --type-small: 0.8125rem;
    --type: 0.9375rem;
    --type-large: 1.0625rem;
    --type-title: 1.625rem;

    --focus: 2px solid var(--accent);
    --quick: 120ms;
  }

  @media (prefers-reduced-motion: reduce) {
    :host {
      --quick: 0ms;
    }
  }
`;

/** What every element begins with: boxes, focus, buttons, what is only for screen readers. */
export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }

  [hidden] {
    display: none !important;
  }

  button,
  input,
  textarea,
  select {
    color: inherit;
    font: inherit;
  }

  button {
    border: 0;
    background: none;
    cursor: pointer;
  }

  button:disabled {
    cursor: default;
  }

  :focus-visible {
    outline: var(--focus);
    outline-offset: 2px;
  }

  :host(:focus-visible) {
    outline: none;
  }

  .icon-button {
    display: inline-grid;
    place-items: center;
    inline-size: 2.25rem;
    block-size: 2.25rem;
    padding: 0;
    border-radius: var(--radius);
    color: var(--text-soft);
    transition: background var(--quick);
  }

  .icon-button:hover,
  .icon-button[aria-expanded="true"],
  .icon-button[aria-pressed="true"] {
    background: var(--surface-hover);
    color: var(--text);
  }

  .primary {
    padding: var(--space-2) var(--space-4);
    border-radius: var(--radius);
    background: var(--accent);
    color: var(--on-accent);
    font-weight: 600;
  }

  .primary:hover:not(:disabled) {
    background: var(--accent-strong);
  }

  .primary:disabled {
    opacity: 0.5;
  }

  .link {
    padding: 0;
    color: var(--accent);
    text-decoration: underline;
    text-underline-offset: 2px;
  }

  .visually-hidden {
    position: absolute;
    overflow: hidden;
    clip-path: inset(50%);
    inline-size: 1px;
    block-size: 1px;
    white-space: nowrap;
  }

  svg {
    display: block;
  }

  /* Fingers need more place than a pointer (WCAG 2.2, 2.5.8 asks for 24 px; 44 are good). */
  @media (pointer: coarse) {
    .icon-button {
      min-inline-size: 2.5rem;
      min-block-size: 2.5rem;
    }

    .primary,
    select,
    input {
      min-block-size: 2.75rem;
    }

    input[type="checkbox"] {
      min-inline-size: 1.5rem;
      min-block-size: 1.5rem;
    }

    .link {
      min-block-size: 2rem;
    }
  }

  /* Where the system's colours replace ours, what was told by a background is told by a line. */
  @media (forced-colors: active) {
    .icon-button,
    .primary {
      border: 1px solid ButtonText;
    }

    [aria-pressed="true"],
    [aria-expanded="true"],
    [aria-current],
    [aria-selected="true"] {
      outline: 2px solid Highlight;
      outline-offset: -2px;
    }
  }
`;
