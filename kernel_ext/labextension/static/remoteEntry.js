// What JupyterLab and Notebook 7 load of us, written by hand as a module-federation container: no build, nothing bundled.
//
// For every notebook:
// - a kernel whose cluster is ready asks for its dashboards, and dask-labextension opens them beside the notebook;
// - a restarted kernel whose notebook has a cluster loads our extension, which finds it again and says so in a line.
//
// A kernel's message chooses the cluster, by its name, and nothing else: no command, address or code comes from it.
(function () {
  const ID = 'dask-dataproc';
  const NAME = /^[a-z]([-a-z0-9]{0,49}[a-z0-9])?$/;
  const POPULATE = 'dask:populate-dashboard-url';
  const LAYOUT = 'dask:launch-layout';
  const REATTACH = 'get_ipython().extension_manager.load_extension("dask_dataproc")';
  const POLL = 100; // milliseconds
  const ANSWERS = 60000; // milliseconds that a dashboard may take to answer, and a cluster to be found again
  const SHOWN = 10000; // milliseconds that a line stays

  let share;
  const use = async name => {
    const versions = Object.values(share[name]);
    return (await (versions.find(version => version.loaded) || versions[0]).get())();
  };

  const within = (milliseconds, holds) =>
    new Promise(resolve => {
      const end = Date.now() + milliseconds;
      const look = () => (holds() || Date.now() > end ? resolve(holds()) : setTimeout(look, POLL));
      look();
    });

  // Panes open beside what is looked at: so not before that is their notebook.
  const lookedAt = (shell, panel) =>
    new Promise(resolve => {
      const look = () => {
        if (panel.isDisposed || shell.currentWidget === panel) {
          shell.currentChanged.disconnect(look);
          resolve(!panel.isDisposed);
        }
      };
      shell.currentChanged.connect(look);
      look();
    });

  const openDashboards = async (app, panel, cluster) => {
    const { commands, shell } = app;
    if (!commands.hasCommand(LAYOUT) || !(await lookedAt(shell, panel))) {
      return; // Notebook 7 has no panes
    }
    const base = new URL(app.serviceManager.serverSettings.baseUrl).pathname;
    await commands.execute(POPULATE, { url: `${base}proxy/dask-dataproc/${cluster}/status` });
    if ((await within(ANSWERS, () => commands.isEnabled(LAYOUT))) && (await lookedAt(shell, panel))) {
      await commands.execute(LAYOUT);
    }
  };

  const answer = (app, panel, kernel) =>
    kernel?.registerCommTarget(ID, (comm, message) => {
      const { open, cluster } = message.content.data;
      if (open === 'dashboards' && NAME.test(cluster)) {
        openDashboards(app, panel, cluster); // not waited for: the kernel's next messages come after this one
      }
    });

  const reattach = async (app, context, { ServerConnection }, { Notification }) => {
    const settings = app.serviceManager.serverSettings;
    const url = `${settings.baseUrl}dask-dataproc/notebook?path=${encodeURIComponent(context.path)}`;
    const response = await ServerConnection.makeRequest(url, {}, settings);
    const kernel = context.session?.kernel;
    if (!kernel || !response.ok || (await response.json()).cluster === null) {
      return;
    }
    const asked = kernel.requestExecute({ code: REATTACH, silent: true, stop_on_error: false }, false);
    const forget = setTimeout(() => asked.dispose(), ANSWERS);
    asked.onIOPub = ({ header, content }) => {
      if (header.msg_type === 'stream' && content.text.trim()) {
        Notification.info(content.text.trim(), { autoClose: SHOWN });
        clearTimeout(forget);
        setTimeout(() => asked.dispose());
      }
    };
  };

  const watch = (app, panel, services, apputils) => {
    const context = panel.sessionContext;
    let restarting = false;
    answer(app, panel, context.session?.kernel);
    context.kernelChanged.connect((_, { oldValue, newValue }) => {
      restarting = restarting && oldValue === newValue; // a restart is told as a change to the same kernel
      answer(app, panel, newValue);
    });
    context.statusChanged.connect((_, status) => {
      if (status === 'idle' && restarting) {
        reattach(app, context, services, apputils);
      }
      restarting = status.endsWith('restarting') || (restarting && status !== 'idle');
    });
  };

  const activate = (app, tracker, services, apputils) => {
    if (tracker !== null) {
      tracker.forEach(panel => watch(app, panel, services, apputils));
      tracker.widgetAdded.connect((_, panel) => watch(app, panel, services, apputils));
    }
  };

  const module = async () => {
    const { INotebookTracker } = await use('@jupyterlab/notebook');
    const services = await use('@jupyterlab/services');
    const apputils = await use('@jupyterlab/apputils');
    return {
      id: 'dask-dataproc:plugin',
      description: 'Dashboards beside the notebook, and the cluster found again after a restart.',
      autoStart: true,
      optional: [INotebookTracker], // pages without notebooks have none
      activate: (app, tracker) => activate(app, tracker, services, apputils)
    };
  };

  const container = {
    init: scope => {
      share = scope;
    },
    get: async () => {
      const plugin = await module();
      return () => ({ __esModule: true, default: plugin });
    }
  };
  (window._JUPYTERLAB = window._JUPYTERLAB || {})[ID] = container;
})();
