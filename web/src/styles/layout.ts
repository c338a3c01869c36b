/**
 * Where things stand on the page: rooms, messages and members side by side, or over one another.
 *
 * @module
 */

import { css } from "lit";

/** For the root element. */
export const layout = css`
  :host {
    display: block;
    overflow: hidden;
    block-size: 100%;
    background: var(--surface);
    color: var(--text);
    color-scheme: light dark;
    font: var(--type) / 1.4 var(--font);
    -webkit-font-smoothing: antialiased;
  }

  :host([theme="light"]) {
    color-scheme: light;
  }

  :host([theme="dark"]) {
    color-scheme: dark;
  }

  .layout {
    display: grid;
    grid-template-columns: 15.5rem minmax(0, 1fr) auto;
    grid-template-rows: minmax(0, 1fr);
    block-size: 100%;
  }

  nav,
  aside {
    display: flex;
    flex-direction: column;
    min-block-size: 0;
    background: var(--surface-sunken);
  }

  nav {
    border-inline-end: 1px solid var(--line);
  }

  aside {
    inline-size: 14rem;
    border-inline-start: 1px solid var(--line);
    background: var(--surface);
  }

  aside.wire {
    inline-size: min(28rem, 45vw);
  }

  nav > header {
    display: flex;
    gap: var(--space-2);
    align-items: center;
    block-size: 3.5rem;
    padding-inline: var(--space-4) var(--space-2);
    border-block-end: 1px solid var(--line);
    font-weight: 700;
  }

  nav > header svg {
    inline-size: 1.5rem;
    block-size: 1.5rem;
  }

  nav > header span {
    flex: 1;
  }

  room-list {
    flex: 1;
  }

  .me {
    display: flex;
    gap: var(--space-2);
    align-items: center;
    padding: var(--space-2) var(--space-2) var(--space-2) var(--space-4);
    border-block-start: 1px solid var(--line);
  }

  .me .name {
    flex: 1;
    overflow: hidden;
    text-overflow: ellipsis;
    unicode-bidi: isolate;
    font-weight: 600;
    white-space: nowrap;
  }

  main {
    display: grid;
    grid-template-rows: auto minmax(0, 1fr) auto auto;
    grid-template-columns: minmax(0, 1fr);
    min-block-size: 0;
  }

  .below {
    min-block-size: 1.375rem;
    padding-inline: calc(var(--space-4) + 0.25rem);
    overflow: hidden;
    color: var(--text-soft);
    font-size: var(--type-small);
  }

  .typing {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }

  .offline {
    margin: 0;
    color: var(--warn);
  }

  .former {
    display: flex;
    flex-wrap: wrap;
    gap: var(--space-2) var(--space-3);
    align-items: center;
    margin: 0 var(--space-4) var(--space-3);
    padding: var(--space-2) var(--space-3);
    border: 1px dashed var(--private);
    border-radius: var(--radius);
    color: var(--text-soft);
    overflow-wrap: anywhere;
  }

  .nowhere {
    display: grid;
    place-content: center;
    justify-items: center;
    gap: var(--space-2);
    padding: var(--space-4);
    color: var(--text-soft);
    text-align: center;
  }

  .veil {
    position: fixed;
    inset: 0;
    z-index: 6;
    background: rgb(0 0 0 / 40%);
  }

  .close-drawer {
    display: none;
  }

  @media (max-width: 62rem) {
    .layout {
      grid-template-columns: 15.5rem minmax(0, 1fr);
    }

    aside {
      position: fixed;
      inset-block: 0;
      inset-inline-end: 0;
      z-index: 7;
      box-shadow: var(--shadow);
    }

    aside:not(.wire):not(.drawn) {
      display: none;
    }

    aside.wire {
      inline-size: min(30rem, 100vw);
    }

    aside .close-drawer {
      display: inline-grid;
      align-self: end;
      margin: var(--space-2) var(--space-2) -2.5rem;
    }
  }

  @media (max-width: 44rem) {
    .layout {
      grid-template-columns: minmax(0, 1fr);
    }

    nav {
      position: fixed;
      inset-block: 0;
      inset-inline-start: 0;
      z-index: 7;
      inline-size: min(19rem, 85vw);
      box-shadow: var(--shadow);
    }

    nav:not(.drawn) {
      display: none;
    }

    nav .close-drawer {
      display: inline-grid;
    }
  }
`;
