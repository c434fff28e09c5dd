"""One exchange of many processes: engines that follow each other, gateways that follow the log, all tied by the bus."""
